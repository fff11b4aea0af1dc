package timer_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/process/state"
	"github.com/evidentlog/evident/internal/process/timer"
)

var benchStart = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// A task sets and fires timers in steps, as the runtime does: each step is committed to
// Pebble, on disk.
type task struct {
	b     *testing.B
	state *state.Task
	tx    *state.Tx
	queue *timer.Queue
	now   time.Time
	next  int64 // offset of the changelog
}

func newTask(b *testing.B) *task {
	db, err := state.Open(state.Config{Dir: b.TempDir(), Stores: []state.StoreConfig{{Name: timer.StoreName}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	t := &task{b: b, now: benchStart}
	t.state, err = db.Task(0)
	t.must(err)
	_, err = t.state.Attach(state.Changelog{Topic: [16]byte{1}}, t.now)
	t.must(err)
	t.begin()
	t.queue, err = timer.Open(t.tx.Store(timer.StoreName), timer.Config{})
	t.must(err)
	return t
}

func (t *task) must(err error) {
	if err != nil {
		t.b.Fatal(err)
	}
}

func (t *task) begin() { t.tx = t.state.Begin(t.now) }

func (t *task) commit() {
	t.next += int64(len(t.tx.Changes()))
	t.must(t.tx.Commit(t.next))
	t.queue.Committed()
	t.begin()
}

// set sets the nth timer. Keys are those of orders, in no order; 50,000 are due a second.
func (t *task) set(n int) {
	var key [16]byte
	binary.BigEndian.PutUint64(key[:], uint64(n)*0x9E3779B97F4A7C15)
	at := benchStart.Add(time.Minute + time.Duration(n)*20*time.Microsecond)
	t.must(t.queue.Set(t.tx.Store(timer.StoreName), timer.Timer{Key: key[:], Name: "timeout", At: at}))
}

// fire takes all that is due, and says how many those were.
func (t *task) fire(now time.Time) (fired int) {
	s := t.tx.Store(timer.StoreName)
	for {
		_, ok, err := t.queue.Take(s, now)
		t.must(err)
		if !ok {
			return fired
		}
		fired++
	}
}

const (
	million  = 1_000_000
	stepSize = 5_000 // timers set in a step: 100 ms at 50,000 a second
)

// BenchmarkMillion sets a million timers, lets them wait, and fires them by a clock of
// its own at 50,000 a second, a step each 10 ms. It tells how much memory they take up
// while they wait, and the CPU time of setting and of firing one.
func BenchmarkMillion(b *testing.B) {
	for b.Loop() {
		debug.FreeOSMemory()
		before := resident(b)
		t := newTask(b)
		began := cpu(b)
		for n := range million {
			t.set(n)
			if n%stepSize == stepSize-1 {
				t.commit()
			}
		}
		set := cpu(b) - began
		debug.FreeOSMemory()
		waiting := resident(b) - before
		began = cpu(b)
		steps := t.fireAll()
		b.ReportMetric(float64(set.Nanoseconds())/million, "cpu-ns/set")
		b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/million, "cpu-ns/fire")
		b.ReportMetric(float64(waiting)/1e6, "MB-waiting")
		b.ReportMetric(float64(steps[len(steps)/2].Microseconds())/1e3, "ms-step-p50")
		b.ReportMetric(float64(steps[len(steps)*99/100].Microseconds())/1e3, "ms-step-p99")
	}
}

// fireAll fires all timers, those of 10 ms a step, and returns how long the steps took,
// sorted.
func (t *task) fireAll() (steps []time.Duration) {
	for fired := 0; fired < million; {
		t.now = t.now.Add(10 * time.Millisecond)
		began := time.Now()
		n := t.fire(t.now)
		if n == 0 {
			continue
		}
		t.commit()
		fired += n
		steps = append(steps, time.Since(began))
	}
	slices.Sort(steps)
	return steps
}

// BenchmarkDueAtOnce fires 100,000 timers that are due in the same millisecond.
func BenchmarkDueAtOnce(b *testing.B) {
	const due = 100_000
	for b.Loop() {
		t := newTask(b)
		for n := range due {
			key := fmt.Appendf(nil, "%016x", uint64(n)*0x9E3779B97F4A7C15)
			t.must(t.queue.Set(t.tx.Store(timer.StoreName), timer.Timer{Key: key, At: benchStart}))
			if n%stepSize == stepSize-1 {
				t.commit()
			}
		}
		began := cpu(b)
		if fired := t.fire(benchStart); fired != due {
			b.Fatalf("%d timers fired, want %d", fired, due)
		}
		t.commit()
		b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/due, "cpu-ns/fire")
	}
}

// resident is the memory of this process, in bytes.
func resident(b *testing.B) int64 {
	var pages, resident int64
	stat, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("there is no /proc/self/statm to read memory from: ", err)
	}
	if _, err := fmt.Sscan(string(stat), &pages, &resident); err != nil {
		b.Fatal(err)
	}
	return resident * int64(os.Getpagesize())
}
