package erasure

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/ledger/opening"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

func TestSweepsGoOnWhereTheLastEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{fs: newDisk(t)}
		if err := errors.Join(h.open(), h.settle(10)); err != nil {
			t.Fatal(err)
		}
		name, err := proof.ParseOrigin(h.ledger.Origin(), origin)
		if err != nil {
			t.Fatal(err)
		}
		for _, end := range []int64{0, 4, 4, 7} {
			if err := h.eraser.sweep(t.Context(), name, end, ledger.ByRetention); err != nil {
				t.Fatal(err)
			}
		}
		h.tree.Close(ledger.TopicDeleted)
		time.Sleep(ledger.DefaultInterval + time.Millisecond)
		for range 2 {
			trees := h.ledger.Trees()
			if len(trees) != 1 || !trees[0].Deleted || trees[0].Size != 10 {
				t.Fatalf("trees are %+v", trees)
			}
			if err := h.eraser.sweep(t.Context(), trees[0].Tree, trees[0].Size, ledger.ByDeletion); err != nil {
				t.Fatal(err)
			}
		}
		list, err := h.ledger.Erasures(name)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		for _, e := range list {
			got += e.By + " " + proof.FormatRanges(e.Offsets) + "; "
			if !e.Done {
				t.Errorf("%v is not done", e)
			}
		}
		if want := "retention 0-6; deletion 7-9; "; got != want {
			t.Errorf("erased was %q, want %q", got, want)
		}
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
}

// What came after the ledger was turned off for a topic is in no tree, and goes.
func TestRecordsBehindATreeThatHasEndedAreErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{fs: newDisk(t)}
		if err := errors.Join(h.open(), h.settle(3)); err != nil {
			t.Fatal(err)
		}
		h.tree.Close("ledger turned off")
		time.Sleep(ledger.DefaultInterval + time.Millisecond)
		h.off = true
		if err := h.settle(4); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			first, last int64
			receipts    string
		}{{2, 3, "2"}, {5, 5, ""}, {0, 0, "0"}} {
			var done Erased
			part := Part{Topic: "people", TopicID: topicID, Offsets: []proof.Range{{First: c.first, Last: c.last}}}
			if err := h.eraser.erase(t.Context(), part, "User:admin", &done); err != nil || done.Records != Destroyed {
				t.Fatalf("%d-%d: %+v, %v", c.first, c.last, done, err)
			}
			var got string
			for _, r := range done.Receipts {
				got += r.Offsets
			}
			if got != c.receipts {
				t.Errorf("%d-%d: the receipts are of %q, want %q", c.first, c.last, got, c.receipts)
			}
		}
		if got := slices.Sorted(maps.Keys(h.known(t))); !slices.Equal(got, []int64{1, 4, 6}) {
			t.Errorf("left are %v", got)
		}
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
}

// Salts of records that were deleted on a cluster go, of that topic only, and no more.
func TestSaltsBelowALogsStartAreDestroyed(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "people", "others"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("people"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for range 5 {
		if err := client.ProduceSync(t.Context(), kgo.StringRecord("here")).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var below kadm.Offsets
	below.AddOffset("people", 0, 3, -1)
	if _, err := kadm.NewClient(client).DeleteRecords(t.Context(), below); err != nil {
		t.Fatal(err)
	}
	e := &Eraser{Planner: Planner{&opening.Reader{Client: client}}, Logger: slog.New(slog.DiscardHandler)}
	topics, err := e.Reader.Topics(t.Context())
	if err != nil || len(topics) != 2 {
		t.Fatal(topics, err)
	}
	e.Ledger = startLedger(t)
	people := grow(t, e.Ledger, proof.Tree{Topic: "people", TopicID: topics["people"]}, 5)
	others := grow(t, e.Ledger, proof.Tree{Topic: "others", TopicID: topics["others"]}, 5)
	earlier := grow(t, e.Ledger, proof.Tree{Topic: "people", TopicID: topicID}, 5)
	for range 2 {
		if err := e.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, origin := range []string{people, others, earlier} {
		for offset := range int64(5) {
			want := origin == people && offset < 3
			if err := e.Ledger.WasErased(origin, offset); want != errors.Is(err, store.ErrErased) {
				t.Errorf("%s, offset %d: %v", origin, offset, err)
			}
		}
	}
}

// startLedger runs a ledger with rounds that follow each other at once.
func startLedger(t *testing.T) *ledger.Ledger {
	l, err := ledger.Open(ledger.Config{FS: newDisk(t), Dir: "/data/ledger", Origin: "example.com/e", Interval: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l
}

// grow gives a tree leaves, and returns its origin.
func grow(t *testing.T, l *ledger.Ledger, name proof.Tree, n int64) string {
	t.Helper()
	p, err := l.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Lost(n, proof.Removed); err != nil {
		t.Fatal(err)
	}
	for p.Durable() < n {
		runtime.Gosched()
	}
	name.Deployment = l.Origin()
	return name.Origin()
}

// unreadableLog is one that cannot erase two of its records.
type unreadableLog struct {
	records
	tries *int
}

func (u unreadableLog) Destroy(_ context.Context, part Part) (Part, error) {
	*u.tries++
	return part, &log.UnreadableError{Partition: "people-0", Offsets: []log.Range{{First: 2, Last: 3}}}
}

// An erasure that the ledger has, and the log has not begun, is completed; but what
// was cut off meanwhile is not what has its offsets now.
func TestANewRecordIsNotErasedByAnOlderEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{fs: newDisk(t)}
		if err := errors.Join(h.open(), h.settle(8)); err != nil {
			t.Fatal(err)
		}
		part := Part{Topic: "people", TopicID: topicID, Offsets: []proof.Range{{First: 2, Last: 2}, {First: 5, Last: 7}}}
		if err := h.eraser.Log.Announce(part); err != nil {
			t.Fatal(err)
		}
		if _, err := h.ledger.Erase(t.Context(), part.tree(), part.Offsets, "User:admin"); err != nil {
			t.Fatal(err)
		}
		if err := h.p.Truncate(0); err != nil {
			t.Fatal(err)
		}
		h.off = true
		if err := h.settle(8); err != nil { // one batch again, with the same offsets
			t.Fatal(err)
		}
		h.eraser.Resume(t.Context())
		if got := h.known(t); len(got) != 8 || len(h.ledger.Unfinished()) != 0 {
			t.Errorf("left are %v of the new records, and %d erasures are not over", got, len(h.ledger.Unfinished()))
		}
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
}

// What the log cannot take out of a batch is told, once, and nothing waits for it.
func TestWhatCannotBeReadIsToldAndNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{fs: newDisk(t)}
		if err := errors.Join(h.open(), h.settle(5)); err != nil {
			t.Fatal(err)
		}
		tries := 0
		h.eraser.Log = unreadableLog{records{h}, &tries}
		var done Erased
		part := Part{Topic: "people", TopicID: topicID, Offsets: []proof.Range{{First: 1, Last: 3}}}
		if err := h.eraser.erase(t.Context(), part, "User:admin", &done); err != nil || done.Records != Remains || done.Unreadable != "2-3" || done.Error == "" {
			t.Errorf("%+v, %v", done, err)
		}
		h.eraser.Resume(t.Context())
		if tries != 1 || len(h.ledger.Unfinished()) != 0 {
			t.Errorf("it was tried %d times, and %d erasures are not over", tries, len(h.ledger.Unfinished()))
		}
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
}

// dented is a disk on which a folder cannot be listed for some time.
type dented struct {
	vfs.FS
	folder string
	broken bool
}

func (d *dented) ReadDir(name string) ([]fs.DirEntry, error) {
	if d.broken && name == d.folder {
		return nil, syscall.EIO
	}
	return d.FS.ReadDir(name)
}

// What the index has is erased as long as it takes: the log has nothing any more then.
func TestAnErasureIsNotOverBeforeTheIndexHasForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &dented{FS: vfs.NewMem(), folder: "/index/" + topicID + ".0.0"}
		_, first := index.Open(index.Config{FS: disk, Dir: "/index"}) // which makes its secret
		if err := errors.Join(first, disk.MkdirAll(disk.folder)); err != nil {
			t.Fatal(err)
		}
		ix, err := index.Open(index.Config{FS: disk, Dir: "/index"})
		if err != nil {
			t.Fatal(err)
		}
		h := &house{fs: newDisk(t)}
		if err := errors.Join(h.open(), h.settle(5)); err != nil {
			t.Fatal(err)
		}
		h.eraser.Index, disk.broken = ix, true
		var done Erased
		part := Part{Topic: "people", TopicID: topicID, Offsets: []proof.Range{{First: 1, Last: 3}}}
		if err := h.eraser.erase(t.Context(), part, "User:admin", &done); err != nil || done.Records != Pending {
			t.Errorf("%+v, %v", done, err)
		}
		for _, disk.broken = range []bool{true, false} {
			h.eraser.Resume(t.Context())
			if left := len(h.ledger.Unfinished()); left > 0 != disk.broken {
				t.Errorf("the index's disk is broken: %v, and %d erasures are not over", disk.broken, left)
			}
		}
		if left := h.p.Announced([]log.Range{{First: 0, Last: 4}}); len(left) > 0 {
			t.Errorf("%v is still announced", left)
		}
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
}

// late is a log in which others complete an erasure just before who asked for it can.
type late struct {
	unreadableLog
	eraser *Eraser
}

func (l *late) Destroy(ctx context.Context, part Part) (Part, error) {
	if e := l.eraser; e != nil {
		l.eraser = nil
		e.Resume(ctx)
	}
	if meant, err := l.records.Destroy(ctx, part); len(meant.Offsets) == 0 {
		return meant, err
	}
	return l.unreadableLog.Destroy(ctx, part)
}

func TestWhatCannotBeReadIsToldWhoeverFoundOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{fs: newDisk(t)}
		if err := errors.Join(h.open(), h.settle(5)); err != nil {
			t.Fatal(err)
		}
		h.eraser.Log = &late{unreadableLog{records{h}, new(int)}, h.eraser}
		var done Erased
		part := Part{Topic: "people", TopicID: topicID, Offsets: []proof.Range{{First: 1, Last: 3}}}
		if err := h.eraser.erase(t.Context(), part, "User:admin", &done); err != nil || done.Records != Remains || done.Unreadable != "2-3" {
			t.Errorf("%+v, %v", done, err)
		}
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
}
