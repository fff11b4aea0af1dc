package lag

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

const limit = 100_000 // bytes of a partition that may wait

// A world is a log, and what a ledger has of it.
type world struct {
	*Watch
	t       *testing.T
	log     *log.Log
	covered map[log.ID]int64 // of those that it knows of
	asked   int              // how often it was asked what it has
	listed  int              // how often for all partitions
}

func newWorld(t *testing.T, total int64) *world {
	t.Helper()
	l, err := log.Open(log.Config{FS: vfs.NewMem(), Dir: "/log", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, log: l, covered: map[log.ID]int64{}}
	w.Watch, err = New(Config{
		Partitions: func() []*log.Partition { w.listed++; return l.Partitions() },
		Appended:   l.Appended,
		Covered: func(id log.ID) (int64, bool) {
			w.asked++
			offset, known := w.covered[id]
			return offset, known
		},
		Limit: func(log.ID) int64 { return limit },
		Total: total,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) partition(n int32) *log.Partition {
	w.t.Helper()
	p, err := w.log.OpenPartition(log.ID{Topic: "orders", TopicID: [16]byte{1}, Partition: n}, log.DefaultSettings())
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// append appends a record of about so many bytes, and waits until it is durable.
func (w *world) append(p *log.Partition, bytes int) {
	w.t.Helper()
	var codecs batch.Codecs
	b := codecs.NewBuilder(batch.Head{})
	if err := b.Append(batch.Record{Timestamp: 1, Value: make([]byte, bytes)}); err != nil {
		w.t.Fatal(err)
	}
	raw, err := b.Build()
	if err != nil {
		w.t.Fatal(err)
	}
	durable := make(chan error, 1)
	if _, err := p.Append(raw, log.AckDurable, func(err error) { durable <- err }); err != nil {
		w.t.Fatal(err)
	}
	if err := <-durable; err != nil {
		w.t.Fatal(err)
	}
}

// cover lets the ledger have all that a partition has.
func (w *world) cover(p *log.Partition) { w.covered[p.ID()] = p.HighWatermark() }

// pace is how long producers of a partition have to wait, and whether they are
// refused.
func (w *world) pace(p *log.Partition) (time.Duration, bool) {
	wait, err := w.Pace(p.ID())
	if err != nil && !errors.Is(err, ErrTooFar) {
		w.t.Error(err)
	}
	return wait, err != nil
}

func TestProducersWaitFromHalfOfWhatIsAllowed(t *testing.T) {
	w := newWorld(t, 0)
	p, other := w.partition(0), w.partition(1)
	w.cover(p)
	w.cover(other)
	for i, c := range []struct {
		bytes   int
		from    time.Duration
		to      time.Duration
		refused bool
	}{
		{45_000, 0, 0, false},
		{25_000, 400 * time.Millisecond, 405 * time.Millisecond, false},
		{40_000, longest, longest, true},
	} {
		w.append(p, c.bytes)
		w.tick()
		if wait, refused := w.pace(p); wait < c.from || wait > c.to || refused != c.refused {
			t.Errorf("step %d: producers wait %v, refused: %v; want %v to %v, %v", i, wait, refused, c.from, c.to, c.refused)
		}
		if wait, refused := w.pace(other); wait != 0 || refused {
			t.Errorf("step %d: producers of a partition that does not lag wait %v, refused: %v", i, wait, refused)
		}
		if err := w.Err(); (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "orders-0: 3 records") {
			t.Errorf("step %d: %v", i, err)
		}
	}
	w.cover(p)
	w.tick()
	if wait, refused := w.pace(p); wait != 0 || refused || w.Err() != nil {
		t.Errorf("producers wait %v, refused: %v, and nothing lags: %v", wait, refused, w.Err())
	}
}

func TestAllPartitionsTogetherAreBounded(t *testing.T) {
	w := newWorld(t, 90_000)
	last := w.partition(0)
	w.cover(last)
	for n := range int32(3) {
		p := w.partition(n + 1)
		w.cover(p)
		w.append(p, 31_000)
	}
	w.tick()
	if _, refused := w.pace(last); !refused || w.Err() == nil || !strings.Contains(w.Err().Error(), "of all partitions") {
		t.Errorf("refused: %v, %v", refused, w.Err())
	}
	w.covered[last.ID()] = math.MaxInt64 // it has no ledger
	if wait, refused := w.pace(last); wait != 0 || refused {
		t.Errorf("producers of a topic without ledger wait %v, refused: %v", wait, refused)
	}
}

// Nothing is asked of partitions without news, and all are looked at rarely while
// little comes.
func TestQuietPartitionsCostNothing(t *testing.T) {
	w := newWorld(t, 0)
	var list []*log.Partition
	for n := range int32(20) {
		list = append(list, w.partition(n))
		w.append(list[n], 10)
		w.cover(list[n])
	}
	w.tick()
	if w.asked != len(list) || w.listed != 1 {
		t.Fatalf("at first %d partitions were asked about, and %d looks taken, want %d and 1", w.asked, w.listed, len(list))
	}
	for range calmTicks {
		w.tick()
	}
	if w.asked != len(list) || w.listed != 2 {
		t.Errorf("in a second %d partitions were asked about again, and %d looks taken, want none and 1", w.asked-len(list), w.listed-1)
	}
	w.append(list[3], 10)
	for range calmTicks {
		w.tick()
	}
	if w.asked != len(list)+1 {
		t.Errorf("after one has grown %d were asked about, want 1", w.asked-len(list))
	}
}

// Whatever comes between two looks, no partition is further behind than half of
// what is allowed without its producers being told with the next tick.
func TestMuchThatComesAtOnceIsSeenWithTheNextTick(t *testing.T) {
	w := newWorld(t, 0)
	p, fresh := w.partition(0), w.partition(1)
	w.cover(p)
	w.cover(fresh)
	w.tick()
	w.append(p, 40_000)
	w.tick()
	for range 3 {
		w.append(fresh, 35_000)
		w.tick()
	}
	if _, refused := w.pace(fresh); !refused {
		t.Error("a partition lags by more than is allowed, and its producers are heard")
	}
	w.append(p, 40_000)
	w.tick() // many are looked at as long as one lags
	if wait, _ := w.pace(p); wait == 0 {
		t.Error("a partition lags by more than half of what is allowed, and its producers do not wait")
	}
}

// A topic's ledger may be turned off and on: the tree that begins has nothing, and
// the log did not grow.
func TestATreeThatBeginsAnewLags(t *testing.T) {
	w := newWorld(t, 0)
	p := w.partition(0)
	w.append(p, 60_000)
	w.covered[p.ID()] = math.MaxInt64
	w.tick()
	w.covered[p.ID()] = 0
	for range askAgain + calmTicks {
		w.tick()
	}
	if wait, _ := w.pace(p); wait == 0 || w.amount().records != 1 {
		t.Errorf("nothing of a log is in its new tree: producers wait %v, and %d records lag, want 1", wait, w.amount().records)
	}
}

func TestPartitionsThatAreGoneAreForgotten(t *testing.T) {
	w := newWorld(t, 0)
	p := w.partition(0)
	w.partition(1)
	w.append(p, 60_000)
	w.cover(p)
	w.tick()
	if err := w.log.DeletePartition(p.ID()); err != nil {
		t.Fatal(err)
	}
	for range calmTicks {
		w.tick()
	}
	if len(w.verdicts) != 1 {
		t.Errorf("%d partitions are known, want 1", len(w.verdicts))
	}
}

// What is not known to be followed waits for nobody.
func TestAPartitionThatIsNotFollowedYetDoesNotLag(t *testing.T) {
	w := newWorld(t, 0)
	p := w.partition(0)
	w.append(p, 2*limit)
	w.tick()
	if wait, refused := w.pace(p); wait != 0 || refused {
		t.Errorf("producers wait %v, refused: %v", wait, refused)
	}
	w.covered[p.ID()] = 0
	for range calmTicks {
		w.tick()
	}
	if _, refused := w.pace(p); !refused {
		t.Error("it is followed, lags, and producers are heard")
	}
}

func TestRunLooksAndTellsFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		var looked atomic.Bool
		w, err := New(Config{
			Partitions: func() []*log.Partition { return nil }, Appended: func() int64 { looked.Store(true); return 0 }, Metrics: reg,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.note(&look{total: amount{3, 700}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); w.Run(ctx) }()
		want := "# HELP evident_ledger_lag_bytes About how many bytes they have in the log.\n# TYPE evident_ledger_lag_bytes gauge\nevident_ledger_lag_bytes 700\n"
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "evident_ledger_lag_bytes"); err != nil {
			t.Error(err)
		}
		time.Sleep(tickEvery + time.Millisecond)
		synctest.Wait()
		if !looked.Load() || w.amount() != (amount{}) {
			t.Errorf("after a tick it has looked: %v, and %v lags", looked.Load(), w.amount())
		}
		cancel()
		<-ended
		if n, err := testutil.GatherAndCount(reg); n != 0 || err != nil {
			t.Errorf("%d figures are left, %v", n, err)
		}
	})
}
