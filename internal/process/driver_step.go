package process

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/state"
)

// mostAtOnce is how often a timer may fire without the clock moving on.
const mostAtOnce = 1000

// Settle does what there is to do, and lets time pass as far as the record or timer under
// way has to wait for its next attempt. It gives what was written, in order.
func (d *Driver) Settle() ([]*kgo.Record, error) {
	var all []*kgo.Record
	for {
		out, err := d.steps()
		all = append(all, out...)
		until := d.task.blocked(d.Now())
		if err != nil || until.IsZero() {
			return all, err
		}
		d.clock.Store(until.UnixNano())
	}
}

// Advance lets time pass, and does what comes due at its time.
func (d *Driver) Advance(by time.Duration) ([]*kgo.Record, error) {
	end := d.Now().Add(by)
	var all []*kgo.Record
	for {
		out, err := d.Settle()
		all = append(all, out...)
		wakes := d.task.wakes(d.Now())
		if err != nil || wakes.IsZero() || wakes.After(end) {
			break
		}
		d.clock.Store(wakes.UnixNano())
	}
	d.clock.Store(max(d.clock.Load(), end.UnixNano())) // an attempt may have been later
	out, err := d.Settle()
	return append(all, out...), err
}

// steps does what there is to do now.
func (d *Driver) steps() ([]*kgo.Record, error) {
	var all []*kgo.Record
	fired := make(map[string]int)
	for d.task.ready(d.Now()) {
		out, err := d.step()
		all = append(all, out...)
		if err != nil {
			return all, err
		}
		for _, t := range d.worker.step.timers {
			id := fmt.Sprintf("timer %q of key %q by the %v", t.Name, t.Key, t.Clock)
			if fired[id]++; fired[id] > mostAtOnce {
				return all, fmt.Errorf("%w: %s has fired %d times at %v", ErrEndless, id, fired[id], d.Now())
			}
		}
	}
	return all, d.stopped()
}

func (d *Driver) stopped() error {
	d.task.mu.Lock()
	defer d.task.mu.Unlock()
	if d.task.mu.state == Stopped {
		return fmt.Errorf("%w: %s", ErrStopped, d.task.mu.reason)
	}
	return nil
}

// step handles one record or timer, and commits what that did.
func (d *Driver) step() ([]*kgo.Record, error) {
	does := func() error {
		d.worker.advance(d.task)
		return d.worker.broken
	}
	first, err := d.try(does)
	if err == nil && d.cfg.Twice && len(d.worker.step.tasks) > 0 {
		d.undo()
		var second effect
		if second, err = d.try(does); err == nil {
			err = first.compare(&second)
		}
	}
	if err != nil {
		d.undo()
		return nil, err
	}
	return d.commit()
}

// Do has f do what code can do, as a step of its own, and gives what was written.
func (d *Driver) Do(f func(Step) error) ([]*kgo.Record, error) {
	does := func() error {
		t, w := d.task, d.worker
		t.open(d.Now())
		c := &call{task: t, out: w.out, timestamp: d.Now(), began: time.Now(), deadline: forever}
		defer c.end()
		w.joins(t)
		return f(c)
	}
	if _, err := d.try(does); err != nil {
		d.undo()
		return nil, err
	}
	return d.commit()
}

// View is Do of what changes nothing: whatever f does is undone.
func (d *Driver) View(f func(Step) error) error {
	d.task.open(d.Now())
	defer d.undo()
	c := &call{task: d.task, out: newOutbox(nil), timestamp: d.Now(), began: time.Now(), deadline: forever}
	defer c.end()
	return f(c)
}

// effect is what a step would have changed.
type effect struct {
	outputs []held
	changes []state.Change
}

// try begins a step.
func (d *Driver) try(does func() error) (effect, error) {
	w, t := d.worker, d.task
	w.step, w.out = step{began: time.Now()}, newOutbox(nil)
	if err := does(); err != nil {
		return effect{}, err
	}
	e := effect{outputs: w.out.held}
	if t.touched && len(w.step.tasks) > 0 {
		if err := t.complete(); err != nil {
			return effect{}, err
		}
		for _, c := range t.tx.Changes() {
			e.changes = append(e.changes, state.Change{Key: bytes.Clone(c.Key), Value: bytes.Clone(c.Value)})
		}
	}
	return e, nil
}

// compare says how two tries of one step differ.
func (e *effect) compare(again *effect) error {
	switch {
	case !slices.EqualFunc(e.outputs, again.outputs, sameOutput):
		return fmt.Errorf("%w: it wrote %s, and then %s", ErrDiffers, e.written(), again.written())
	case !slices.EqualFunc(e.changes, again.changes, sameChange):
		return fmt.Errorf("%w: it changed %s, and then %s", ErrDiffers, e.changed(), again.changed())
	}
	return nil
}

func sameOutput(a, b held) bool {
	return a.to.Name == b.to.Name && a.partition == b.partition && bytes.Equal(a.output.Key, b.output.Key) && bytes.Equal(a.output.Value, b.output.Value)
}

func sameChange(a, b state.Change) bool {
	return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value)
}

// written is what was written, in words.
func (e *effect) written() string {
	all := []string{}
	for _, h := range e.outputs {
		all = append(all, fmt.Sprintf("%s: %s=%s", h.to.Name, h.output.Key, h.output.Value))
	}
	return fmt.Sprintf("%q", all)
}

// changed is what was changed, in words.
func (e *effect) changed() string {
	all := []string{}
	for _, c := range e.changes {
		all = append(all, fmt.Sprintf("%s=%s", c.Key, c.Value))
	}
	return fmt.Sprintf("%q", all)
}

// undo takes back the step, whose record or timer comes again.
func (d *Driver) undo() {
	t := d.task
	for _, in := range t.inputs {
		in.next = in.committed
	}
	t.in.rewind()
	t.aborted()
	if t.failing != nil {
		t.failing.handled = false
	}
}

// commit makes the step what has happened. Without a task in it nothing has: the code has
// failed, or timers come first.
func (d *Driver) commit() ([]*kgo.Record, error) {
	w, t := d.worker, d.task
	if len(w.step.tasks) == 0 {
		return nil, nil
	}
	for _, in := range t.inputs {
		in.committed = in.next
	}
	if t.failing != nil && t.failing.handled {
		t.failing = nil
	}
	w.run.room.give(t.in.commit())
	if err := d.keep(); err != nil {
		return nil, err
	}
	return d.records(w.out.held), nil
}

// keep makes the step's changes part of the state.
func (d *Driver) keep() error {
	t := d.task
	if !t.touched {
		return nil
	}
	d.next += int64(len(t.tx.Changes()))
	if err := t.tx.Commit(d.next); err != nil {
		return err
	}
	t.touched = false
	if t.queue != nil {
		t.queue.Committed()
	}
	return nil
}

// records are outputs as topics would have them.
func (d *Driver) records(outputs []held) []*kgo.Record {
	all := make([]*kgo.Record, 0, len(outputs))
	for _, h := range outputs {
		at := fmt.Sprint(h.to.Name, "/", h.partition)
		all = append(all, &kgo.Record{
			Topic: h.to.Name, Partition: h.partition, Offset: d.offsets[at], Key: h.output.Key, Value: h.output.Value,
			Headers: h.output.Headers, Timestamp: h.output.Timestamp.Truncate(time.Millisecond),
		})
		d.offsets[at]++
	}
	return all
}
