package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
)

// Store is the name of the store in which a [Recorder] keeps states.
const Store = "states"

// A Recorder is a processor's code for one task: it does what each record's [Work]
// asks for, and notes it.
type Recorder struct {
	// Task is whose code it is.
	Task process.Task
	// Notes is the topic of notes. It needs as many partitions as there are tasks.
	Notes string
	// Outputs is the topic of outputs.
	Outputs string
	// By is who runs it, to be noted.
	By string
	// Stateless keeps no state and sets no timers: each record finds the zero State.
	Stateless bool

	mu    sync.Mutex
	fails map[Place]int // by record that is to fail and then not, how often it still will
}

// Work is the value of an input: what a [Recorder] is to do with it, beside counting
// it. Everything follows from the record, so that a step that is run again does the
// same.
type Work struct {
	// Outputs is how many records to write.
	Outputs int `json:"outputs,omitempty"`
	// Timer is the name of a timer to set, In milliseconds from the record's
	// timestamp on; by event time if Event.
	Timer string `json:"timer,omitempty"`
	In    int64  `json:"in,omitempty"`
	Event bool   `json:"event_time,omitempty"`
	// Stop is the name of a timer by wall clock to take back.
	Stop string `json:"stop,omitempty"`
	// Scan looks at all states of the task.
	Scan bool `json:"scan,omitempty"`
	// Fail is how many attempts fail, when everything is done.
	Fail int `json:"fail,omitempty"`
	// Poison fails always.
	Poison bool `json:"poison,omitempty"`
	// Panic fails by a panic.
	Panic bool `json:"panic,omitempty"`
}

// ErrOrdered is the error of a call that was ordered to fail.
var ErrOrdered = errors.New("ordered to fail")

// Handle does what a record orders.
func (r *Recorder) Handle(s process.Step, rec *kgo.Record) error {
	var o Work
	if err := json.Unmarshal(rec.Value, &o); err != nil {
		return fmt.Errorf("record orders no work: %w", err)
	}
	in := Place{rec.Topic, rec.Partition, rec.Offset}
	n := Note{Input: &in, Key: string(rec.Key), Outputs: o.Outputs}
	if o.Timer != "" && !r.Stateless {
		n.Set = []Timer{{Name: o.Timer, Event: o.Event, At: rec.Timestamp.UnixMilli() + o.In}}
	}
	if o.Stop != "" && !r.Stateless {
		n.Stopped = []Timer{{Name: o.Stop}}
	}
	if o.Scan && !r.Stateless {
		var err error
		if n.Scanned, err = scan(s.Store(Store)); err != nil {
			return err
		}
	}
	if err := r.do(s, &n); err != nil {
		return err
	}
	return r.fail(in, o)
}

// fail fails if that is ordered, when all has been done, so that all is to be undone.
func (r *Recorder) fail(in Place, o Work) error {
	switch {
	case !r.failsNow(in, o):
		return nil
	case o.Panic:
		panic(ErrOrdered)
	}
	return ErrOrdered
}

// failsNow tells whether the attempt is one that is to fail.
func (r *Recorder) failsNow(in Place, o Work) bool {
	if o.Poison || o.Fail == 0 {
		return o.Poison
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fails == nil {
		r.fails = make(map[Place]int)
	}
	left, met := r.fails[in]
	if !met {
		left = o.Fail
	}
	r.fails[in] = left - 1
	if left == 0 {
		delete(r.fails, in)
	}
	return left > 0
}

// Fire notes a timer, and writes one output.
func (r *Recorder) Fire(s process.Step, t process.Timer) error {
	fired := Timer{Name: t.Name, Event: t.Clock == process.EventClock, At: t.At.UnixMilli()}
	return r.do(s, &Note{Fired: &fired, Key: string(t.Key), Outputs: 1})
}

// do moves the key's state on, sets and stops timers, and writes note and outputs.
func (r *Recorder) do(s process.Step, n *Note) error {
	n.By = r.By
	n.Wall, n.Event = s.Now().UnixMilli(), s.EventTime().UnixMilli()
	if r.Stateless {
		n.After = n.Before.Next(n.event())
		return r.emit(s, n)
	}
	if err := move(s.Store(Store), n); err != nil {
		return err
	}
	if err := setTimers(s, n); err != nil {
		return err
	}
	return r.emit(s, n)
}

// move finds the key's state and leaves the next one.
func move(store process.Store, n *Note) error {
	value, ok, err := store.Get([]byte(n.Key))
	if err != nil {
		return err
	}
	if ok {
		if n.Before, err = ParseState(value); err != nil {
			return err
		}
	}
	n.After = n.Before.Next(n.event())
	return store.Put([]byte(n.Key), n.After.Append(nil))
}

func setTimers(s process.Step, n *Note) error {
	for _, t := range n.Set {
		if err := s.SetTimer(t.of(n.Key)); err != nil {
			return err
		}
	}
	for _, t := range n.Stopped {
		if err := s.StopTimer(t.of(n.Key)); err != nil {
			return err
		}
	}
	return nil
}

// of is the timer of a key as a step has it.
func (t Timer) of(key string) process.Timer {
	clock := process.WallClock
	if t.Event {
		clock = process.EventClock
	}
	return process.Timer{Clock: clock, Key: []byte(key), Name: t.Name, At: time.UnixMilli(t.At)}
}

// emit writes the outputs and then the note.
func (r *Recorder) emit(s process.Step, n *Note) error {
	for i := range n.Outputs {
		value, err := json.Marshal(Output{State: n.After, Index: i, Key: n.Key})
		if err != nil {
			return err
		}
		if err := s.Emit(process.Output{Topic: r.Outputs, Key: []byte(n.Key), Value: value}); err != nil {
			return err
		}
	}
	value, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return s.Emit(process.Output{Topic: r.Notes, Value: value, Partition: r.Task.Partition, Placed: true})
}

// scan is the digest of all states of a task.
func scan(s process.Store) (string, error) {
	d := NewDigest()
	for e, err := range s.Range(nil, nil) {
		if err != nil {
			return "", err
		}
		state, err := ParseState(e.Value)
		if err != nil {
			return "", err
		}
		d.Add(string(e.Key), state)
	}
	return d.String(), nil
}
