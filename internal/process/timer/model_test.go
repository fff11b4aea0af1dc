package timer

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// A model is what a queue should be: a plain map of what is set, and event time.
type model struct {
	set   map[string]Timer
	event time.Time
}

func (m model) clone() model { return model{maps.Clone(m.set), m.event} }

func identity(t Timer) string { return fmt.Sprintf("%d %q %q", t.Clock, t.Key, t.Name) }

// due returns what is due, in the order in which it fires.
func (m model) due(now time.Time) []Timer {
	due := slices.DeleteFunc(slices.Collect(maps.Values(m.set)), func(t Timer) bool {
		return t.Clock == WallClock && t.At.After(now) || t.Clock == EventClock && (m.event.IsZero() || t.At.After(m.event))
	})
	slices.SortFunc(due, func(a, b Timer) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Clock, b.Clock),
			strings.Compare(string(a.Key), string(b.Key)), strings.Compare(a.Name, b.Name))
	})
	return due
}

// A run does the same to a queue and to a model, and compares them.
type run struct {
	t                 *testing.T
	random            *rand.Rand
	cfg               Config
	store             *memory
	queue             *Queue
	now               time.Time
	durable, step     model   // when the step began, and now
	undone            []model // at the savepoints
	marks             []Mark
	fired, undos, did int
}

const modelLateness = 3 * time.Second

func newRun(t *testing.T, seed uint64) *run {
	r := &run{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), store: newMemory(), now: noon,
		durable: model{set: map[string]Timer{}}, cfg: Config{Lateness: modelLateness},
	}
	r.cfg.Memory = []int{1, 1000, 4000, 0}[seed%4] // most runs have many more timers than fit
	r.step = r.durable.clone()
	r.restart()
	return r
}

// timer is a random one; there are few keys and names, so that many meet again.
func (r *run) timer() Timer {
	key := strings.Repeat("\x00", r.random.IntN(2)) + string(rune('a'+r.random.IntN(12)))
	return Timer{
		Clock: Clock(r.random.IntN(2)), Key: []byte(key), Name: []string{"", "n", "\x00"}[r.random.IntN(3)],
		At: r.now.Add(time.Duration(r.random.IntN(20000)-5000) * time.Millisecond),
	}
}

func (r *run) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// act does one random thing.
func (r *run) act() {
	r.did++
	switch n := r.random.IntN(100); {
	case n < 45:
		t := r.timer()
		r.must(r.queue.Set(r.store, t))
		r.step.set[identity(t)] = t
	case n < 55:
		t := r.timer()
		r.must(r.queue.Stop(r.store, t))
		delete(r.step.set, identity(t))
	case n < 65:
		r.observe()
	case n < 70: // the clock is set, mostly forward
		r.now = r.now.Add(time.Duration(r.random.IntN(9000)-2000) * time.Millisecond)
	case n < 78:
		r.fire(r.random.IntN(8))
	case n < 84:
		r.store.savepoint()
		r.marks = append(r.marks, r.queue.Savepoint())
		r.undone = append(r.undone, r.step.clone())
	case n < 90:
		r.undo()
	case n < 95:
		r.commit()
	case n < 98:
		r.store.abort()
		r.queue.Aborted()
		r.step, r.marks, r.undone = r.durable.clone(), nil, nil
	default:
		r.restart()
	}
}

func (r *run) observe() {
	at := r.now.Add(time.Duration(r.random.IntN(8000)-6000) * time.Millisecond)
	r.queue.Observe(at, r.now)
	if e := at.Add(-modelLateness); e.After(r.step.event) {
		r.step.event = e
	}
}

// fire takes up to n timers, which must be those of the model.
func (r *run) fire(n int) {
	r.t.Helper()
	for ; n > 0; n-- {
		due := r.step.due(r.now)
		if len(due) > 0 && !r.queue.Ready(r.now) {
			r.t.Fatalf("%s is due, and the queue is not ready", identity(due[0]))
		}
		got, ok, err := r.queue.Take(r.store, r.now)
		r.must(err)
		if ok != (len(due) > 0) {
			r.t.Fatalf("took a timer: %v (%s), and %d are due", ok, identity(got), len(due))
		}
		if !ok {
			return
		}
		if identity(got) != identity(due[0]) || !got.At.Equal(due[0].At) {
			r.t.Fatalf("took %s of %v, want %s of %v", identity(got), got.At, identity(due[0]), due[0].At)
		}
		delete(r.step.set, identity(got))
		r.fired++
	}
}

func (r *run) undo() {
	if len(r.marks) == 0 {
		return
	}
	last := len(r.marks) - 1
	r.store.undo()
	r.queue.Undo(r.marks[last])
	event := r.step.event // it has been seen all the same
	r.step = r.undone[last]
	r.step.event = event
	r.marks, r.undone = r.marks[:last], r.undone[:last]
	r.undos++
}

func (r *run) commit() {
	r.must(r.queue.Save(r.store))
	r.store.commit()
	r.queue.Committed()
	r.durable, r.marks, r.undone = r.step.clone(), nil, nil
}

// restart kills the process and begins with what is durable.
func (r *run) restart() {
	r.store.abort()
	r.step, r.marks, r.undone = r.durable.clone(), nil, nil
	q, err := Open(r.store, r.cfg)
	r.must(err)
	r.queue = q
}

// check compares what is in memory with the store, and event time and the next timer
// with the model.
func (r *run) check() {
	r.t.Helper()
	for c := range Clock(clocks) {
		checkLine(r.t, &r.queue.lines[c], r.store, c)
	}
	if got := r.queue.EventTime(); !got.Equal(r.step.event) {
		r.t.Fatalf("event time is %v, want %v", got, r.step.event)
	}
	wait, ok := r.queue.Wait(r.now)
	for _, t := range r.step.set {
		if t.Clock == WallClock && (!ok || t.At.Before(r.now.Add(wait)) && wait > 0) {
			r.t.Fatalf("nothing is due for %v (%v), but %s is at %v; now %v", wait, ok, identity(t), t.At, r.now)
		}
	}
}

// checkLine fails unless a line is what it says it is: all of the store's timers before
// its end, and nothing else, within its budget.
func checkLine(t *testing.T, l *line, s *memory, c Clock) {
	t.Helper()
	want, size := map[string]bool{}, 0
	for key := range s.now {
		if due, ok := strings.CutPrefix(key, string([]byte{keyDue, byte(c)})); ok && l.covers(due) {
			want[due] = true
		}
	}
	for _, i := range l.first {
		if !want[i.due] {
			t.Fatalf("%x is in memory (which ends at %x) and not in the store", i.due, l.end)
		}
		size += i.size()
	}
	if len(want) != len(l.first) || len(want) != len(l.byID) {
		t.Fatalf("%d timers in the heap, %d in the map, %d in the store before the end of both", len(l.first), len(l.byID), len(want))
	}
	if size != l.size || size > l.budget && len(want) > 1 {
		t.Fatalf("%d timers take up %d bytes: said to be %d, at most %d", len(want), size, l.size, l.budget)
	}
}

func TestAQueueIsAPlainMapWhateverHappens(t *testing.T) {
	var fired, undos int
	for seed := range uint64(60) {
		r := newRun(t, seed)
		for range 300 {
			r.act()
			r.check()
		}
		r.now = r.now.Add(time.Hour)
		r.queue.Observe(r.now, r.now)
		r.step.event = r.now.Add(-modelLateness)
		r.fire(1000)
		r.check()
		if len(r.step.set) != 0 {
			t.Fatalf("seed %d: %d timers never fired", seed, len(r.step.set))
		}
		fired, undos = fired+r.fired, undos+r.undos
	}
	if fired < 1000 || undos < 100 {
		t.Errorf("%d timers fired and %d savepoints were undone: that is no test", fired, undos)
	}
}
