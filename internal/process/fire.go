package process

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fire has the code called for timers that are due, and tells whether one was.
func (w *worker) fire(t *task) bool {
	if t.failing != nil || t.careful > 0 {
		return w.fireOne(t)
	}
	var due []Timer
	n, failure := w.supervise(t, &w.runner, job{task: t, out: w.out, due: &due})
	for _, tm := range due[:n] {
		w.fired(t, tm)
	}
	switch {
	case failure != nil && n == len(due):
		w.broken = failure.err
	case failure != nil:
		w.failedTimer(t, due[n], failure)
	}
	return len(due) > 0 || failure != nil
}

// fireOne is fire for the one that is due first only.
func (w *worker) fireOne(t *task) bool {
	t.save(w.out)
	due, ok, err := t.queue.Take(t.timers(), t.clock(w.run.cfg.Now()))
	if err != nil {
		w.broken = fmt.Errorf("timers of task %d: %w", t.id.Partition, err)
		return true
	}
	if !ok {
		return false
	}
	tm := ours(due)
	if t.failing.isTimer(tm) && t.failing.attempts >= w.run.policy.Attempts {
		if w.buryTimer(t, tm) {
			w.fired(t, tm)
		} else {
			t.undo(w.out)
		}
		return true
	}
	n, failure := w.supervise(t, &w.runner, job{task: t, out: w.out, timer: &tm})
	switch {
	case failure != nil:
		w.failedTimer(t, tm, failure)
	case n > 0:
		w.fired(t, tm)
	}
	return true
}

// fired makes a timer part of the step.
func (w *worker) fired(t *task, tm Timer) {
	w.joins(t)
	w.step.timers = append(w.step.timers, tm)
	if t.failing.isTimer(tm) {
		t.failing.handled = true
	}
}

// failedTimer notes that the code has failed on a timer.
func (w *worker) failedTimer(t *task, tm Timer, failure *callError) {
	if !t.failing.isTimer(tm) {
		t.failing = &failing{timer: &tm}
	}
	w.failedAgain(t, failure, "timer", tm.Name, "key", string(tm.Key), "due", tm.At)
}

// buryTimer writes the dead letter of a timer that is given up. It has no offset.
func (w *worker) buryTimer(t *task, tm Timer) bool {
	headers := append(w.epitaph(t, w.run.p.Inputs[0], -1, nil), kgo.RecordHeader{Key: headerTimer, Value: []byte(tm.Name)})
	return w.letter(t, Output{Key: tm.Key, Timestamp: tm.At, Headers: headers}, 0)
}
