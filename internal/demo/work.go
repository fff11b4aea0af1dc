package demo

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/process"
)

// work is one event in the hands of a service, and what the service can do about it:
// all of it takes effect together, once.
type work struct {
	step    process.Step
	service string
	event   event.Event
}

// rule is what a service does about an event. It does no I/O and reads no clock but the
// step's, and all it remembers is in the step's stores: so the outcome is the same in
// whatever order the topics hand their events over, and whatever crashes meanwhile.
type rule func(*work) error

// code is a service's rule as the code of a processor.
type code struct {
	service string
	rule    rule
	window  func(process.Step, process.Timer) error // of a service with timers
}

// Handle gives the event of a record to the rule, and leaves others' records alone.
func (c code) Handle(step process.Step, r *kgo.Record) error {
	e, err := readEvent(r)
	if errors.Is(err, errForeign) {
		return nil
	}
	return c.rule(&work{step: step, service: c.service, event: e})
}

// Fire ends what a timer was set for.
func (c code) Fire(step process.Step, t process.Timer) error { return c.window(step, t) }

// send writes what follows from the event.
func (w *work) send(d draft) error {
	e, err := d.event(runOf(&w.event)+w.service, &w.event, w.step.Now())
	if err != nil {
		return err
	}
	r, err := record(&e)
	if err != nil {
		return err
	}
	return w.step.Emit(process.Output{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: r.Headers})
}

// key is what a store has something under that belongs to an order, or a customer, in
// the event's run.
func (w *work) key(name string) []byte { return []byte(runOf(&w.event) + name) }

// load reads a value of a store; the zero value if there is none.
func load[T any](step process.Step, store string, key []byte) (value T, err error) {
	text, ok, err := step.Store(store).Get(key)
	if err != nil || !ok {
		return value, err
	}
	if err := json.Unmarshal(text, &value); err != nil {
		return value, fmt.Errorf("store %s, key %s: %w", store, key, err)
	}
	return value, nil
}

// save sets a value of a store.
func save(step process.Step, store string, key []byte, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("store %s, key %s: %w", store, key, err)
	}
	return step.Store(store).Put(key, text)
}

// change lets f change a value of a store, which is removed if f says that it is done
// with.
func change[T any](w *work, store, name string, f func(*T) (done bool, err error)) error {
	key := w.key(name)
	value, err := load[T](w.step, store, key)
	if err != nil {
		return err
	}
	done, err := f(&value)
	switch {
	case err != nil:
		return err
	case done:
		return w.step.Store(store).Delete(key)
	}
	return save(w.step, store, key, value)
}

// with decodes the data of the event for the part of a rule that wants it.
func with[T any](w *work, then func(*work, T) error) error {
	data, err := decode[T](&w.event)
	if err != nil {
		return err
	}
	return then(w, data)
}
