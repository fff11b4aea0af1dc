package standby

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/state"
	"github.com/evidentlog/evident/internal/vfs"
)

// A copy that is behind when it is left may miss deletions that the changelog keeps for a
// day: what says how old it is must not say that it was at the end.
func TestACopyThatIsBehindIsNoNewerThanWhatItHas(t *testing.T) {
	db, err := state.Open(state.Config{FS: vfs.NewMem(), Dir: "/state", Stores: []state.StoreConfig{{Name: "s"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	kept, err := db.Task(0)
	if err != nil {
		t.Fatal(err)
	}
	began := time.UnixMilli(1_000_000_000)
	now := began
	f := newFeed(func() time.Time { return now })
	r := &replica{state: kept, feed: f}
	r.end.Store(100)
	if _, err := kept.Attach(state.Changelog{Topic: [16]byte{1}, End: 100}, began); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what               string
		offset             int64
		now, written, want time.Duration // since it began
	}{
		{"from the beginning, with what is older", 10, time.Hour, -time.Hour, 0},
		{"with what was written since", 20, 3 * time.Hour, 2 * time.Hour, 2 * time.Hour},
		{"with what was written before that", 30, 4 * time.Hour, time.Hour, 2 * time.Hour},
		{"with what a clock of the future wrote", 40, 5 * time.Hour, 9 * time.Hour, 5 * time.Hour},
		{"at the end", 99, 7 * time.Hour, 6 * time.Hour, 7 * time.Hour},
		{"beyond the end that is known", 110, 8 * time.Hour, 6 * time.Hour, 8 * time.Hour},
	} {
		now = began.Add(c.now)
		record := &kgo.Record{Key: []byte("\x01sk"), Offset: c.offset, Timestamp: began.Add(c.written)}
		if err := f.apply(r, []*kgo.Record{record}); err != nil {
			t.Fatal(err)
		}
		if p := kept.Position(); p.Next != c.offset+1 || !p.At.Equal(began.Add(c.want)) {
			t.Errorf("%s: at offset %d, of %v after it began, want %v", c.what, p.Next, p.At.Sub(began), c.want)
		}
	}
}
