package history

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
)

// worker runs a Recorder as one that is never disturbed would: everything in memory,
// each call committed by itself.
type worker struct {
	t       *testing.T
	task    int32
	code    *Recorder
	now     int64
	event   int64
	values  map[string][]byte
	timers  map[timerID]process.Timer
	history *History
	// what the call that is going on did
	put     map[string][]byte
	set     []process.Timer
	stopped []process.Timer
	emitted []process.Output
}

func newWorker(t *testing.T, task int32, h *History) *worker {
	return &worker{
		t: t, task: task, history: h, now: 1_000_000,
		code:   &Recorder{Task: process.Task{Processor: "p", Version: 1, Partition: task}, Notes: "notes", Outputs: "outputs"},
		values: make(map[string][]byte), timers: make(map[timerID]process.Timer),
	}
}

func (w *worker) Context() context.Context   { return w.t.Context() }
func (w *worker) Now() time.Time             { return time.UnixMilli(w.now) }
func (w *worker) EventTime() time.Time       { return time.UnixMilli(w.event) }
func (w *worker) Store(string) process.Store { return w }
func (w *worker) SetTimer(t process.Timer) error {
	w.set = append(w.set, t)
	return nil
}
func (w *worker) StopTimer(t process.Timer) error {
	w.stopped = append(w.stopped, t)
	return nil
}
func (w *worker) Emit(o process.Output) error {
	w.emitted = append(w.emitted, o)
	return nil
}
func (w *worker) Get(key []byte) ([]byte, bool, error) {
	v, ok := w.values[string(key)]
	return v, ok, nil
}
func (w *worker) Put(key, value []byte) error {
	w.put = map[string][]byte{string(key): value}
	return nil
}
func (w *worker) PutUntil(key, value []byte, _ time.Time) error { return w.Put(key, value) }
func (w *worker) Delete([]byte) error                           { return nil }
func (w *worker) Range(_, _ []byte) iter.Seq2[process.Entry, error] {
	return func(yield func(process.Entry, error) bool) {
		keys := make([]string, 0, len(w.values))
		for key := range w.values {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if !yield(process.Entry{Key: []byte(key), Value: w.values[key]}, nil) {
				return
			}
		}
	}
}

// call runs the code, three times at most, and commits what it did.
func (w *worker) call(code func() error) error {
	var err error
	for range 3 {
		w.put, w.set, w.stopped, w.emitted = nil, nil, nil, nil
		if err = recovered(code); err == nil {
			w.commit()
			return nil
		}
	}
	return err
}

// recovered calls code; a panic with an error is one.
func recovered(code func() error) (err error) {
	defer func() {
		if p, ok := recover().(error); ok {
			err = p
		}
	}()
	return code()
}

func (w *worker) commit() {
	for key, value := range w.put {
		w.values[key] = value
		state, err := ParseState(value)
		w.check(err)
		w.history.Changes = append(w.history.Changes, Change{Place{"changelog", w.task, int64(len(w.history.Changes))}, key, state, false})
	}
	for _, t := range w.set {
		w.timers[idOf(t)] = t
	}
	for _, t := range w.stopped {
		delete(w.timers, idOf(t))
	}
	for _, o := range w.emitted {
		if o.Topic == "outputs" {
			out := Output{At: Place{"outputs", w.task, int64(len(w.history.Outputs))}}
			w.check(json.Unmarshal(o.Value, &out))
			w.history.Outputs = append(w.history.Outputs, out)
			continue
		}
		n := Note{At: Place{"notes", o.Partition, int64(len(w.history.Notes))}}
		w.check(json.Unmarshal(o.Value, &n))
		w.history.Notes = append(w.history.Notes, n)
	}
}

func (w *worker) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func idOf(t process.Timer) timerID {
	return timerID{t.Clock == process.EventClock, string(t.Key), t.Name}
}

// handle handles one record, after the timers that are due.
func (w *worker) handle(r *kgo.Record) {
	w.event = max(w.event, r.Timestamp.UnixMilli())
	w.fire()
	if err := w.call(func() error { return w.code.Handle(w, r) }); err != nil {
		w.history.Dead = append(w.history.Dead, Place{r.Topic, r.Partition, r.Offset})
	}
	w.now += 10
	w.fire()
}

// fire fires what is due, in the order of its time.
func (w *worker) fire() {
	var due []process.Timer
	for id, t := range w.timers {
		if now := map[bool]int64{true: w.event, false: w.now}[id.event]; t.At.UnixMilli() <= now {
			due = append(due, t)
		}
	}
	slices.SortFunc(due, func(a, b process.Timer) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(string(a.Key)+a.Name, string(b.Key)+b.Name))
	})
	for _, t := range due {
		delete(w.timers, idOf(t))
		w.check(w.call(func() error { return w.code.Fire(w, t) }))
	}
}

// goodHistory is what undisturbed workers did with records of random work.
func goodHistory(t *testing.T, seed uint64) History {
	var h History
	rng := rand.New(rand.NewPCG(seed, 1))
	for task := range int32(2) {
		w := newWorker(t, task, &h)
		for offset := range int64(60) {
			r := &kgo.Record{
				Topic: "in", Partition: task, Offset: offset, Timestamp: time.UnixMilli(w.now),
				Key: fmt.Appendf(nil, "%d-%d", task, rng.IntN(4)), Value: RandomWork(rng),
			}
			h.Inputs = append(h.Inputs, Input{Place{"in", task, offset}, string(r.Key)})
			w.handle(r)
		}
		w.now += 1_000_000
		w.fire()
		h.Committed = append(h.Committed, Place{"in", task, 60})
	}
	return h
}
