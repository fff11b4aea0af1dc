package log

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// held is a log whose records from an offset on must not go.
func held(t *testing.T, change ...func(*Settings)) (*testLog, *Partition, *clock, *atomic.Int64) {
	t.Helper()
	c, hold := newClock(), new(atomic.Int64)
	l := openLog(t, vfs.NewMem(), c.config, func(cfg *Config) { cfg.Hold = func(ID) int64 { return hold.Load() } })
	p := l.partition("a", 0, append([]func(*Settings){smallSegments}, change...)...)
	l.start()
	return l, p, c, hold
}

func TestRetentionLeavesWhatIsHeld(t *testing.T) {
	l, p, c, hold := held(t, func(s *Settings) { s.RetentionAge = time.Minute })
	for v := range 30 { // five records a segment
		mustAppend(t, p, stampedBatch(t, v, 100, c.now.UnixMilli()))
	}
	c.now = c.now.Add(time.Hour)
	for _, until := range []int64{0, 4, 12} {
		hold.Store(until)
		l.retain(p, c.now)
		wantFrom(t, p, int(until/5*5), 29)
	}
	hold.Store(30)
	l.retain(p, c.now)
	if p.LogStart() != 30 {
		t.Errorf("log start %d when nothing is held any more, want 30", p.LogStart())
	}
}

func TestCompactionLeavesWhatIsHeld(t *testing.T) {
	_, p, c, hold := held(t, compacted)
	for range 40 {
		write(t, p, c.now, "k=v")
	}
	all := len(keys(t, p))
	mustDo(t, p.compact(t.Context(), c.now))
	if got := len(keys(t, p)); got != all {
		t.Errorf("%d records of %d are left while all are held", got, all)
	}
	hold.Store(40)
	mustDo(t, p.compact(t.Context(), c.now))
	if got := len(keys(t, p)); got >= all {
		t.Errorf("%d records are left when nothing is held any more", got)
	}
}

func TestHeldRecordsAreNotDeleted(t *testing.T) {
	l, p, _, hold := held(t)
	fill(t, p, 0, 12, 100)
	hold.Store(7)
	if err := l.DeleteRecords(map[*Partition]int64{p: 8})[p]; !errors.Is(err, ErrHeld) || p.LogStart() != 0 {
		t.Errorf("deleted below 8: %v, log start %d", err, p.LogStart())
	}
	l.deleteRecords(p, 7)
	if p.LogStart() != 7 {
		t.Errorf("log start %d, want 7", p.LogStart())
	}
}
