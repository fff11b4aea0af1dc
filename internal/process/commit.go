package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/internal/process/txn"
)

// commit ends the step, however long it takes: what keeps it from being committed is
// the cluster's, not the records'. It returns an error only if it is not known how the
// step ended.
func (w *worker) commit(hard context.Context) error {
	ctx, cancel := w.whileOwned(hard)
	defer cancel()
	if err := w.record(ctx); err != nil {
		w.aborted()
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	for failures := 0; ; failures++ {
		offsets, err := w.offsets()
		if err != nil {
			w.aborted()
			return err
		}
		err = w.producer.Commit(ctx, w.out.buffer, offsets)
		var refused *txn.RefusedError
		switch {
		case err == nil:
			return w.committed(ctx)
		case ctx.Err() != nil && errors.Is(err, txn.ErrInDoubt):
			return w.abandonStep(err)
		case ctx.Err() != nil, errors.Is(err, txn.ErrNotMember) && w.anyLeaves():
			w.aborted()
			w.endOpen(hard)
			return nil
		case errors.As(err, &refused):
			return w.refused(refused)
		case errors.Is(err, txn.ErrStale):
			w.log.Warn("a step is done again for the topics as they are now", "error", err)
			w.aborted()
			pause(ctx, backoff(4)) // what is known of topics may differ among brokers for a while
			return nil
		}
		w.run.metrics.failures.Inc()
		w.log.Log(ctx, levelOf(failures), "a step was not committed, and is tried again", "error", err, "attempt", failures+1)
		pause(ctx, backoff(failures))
	}
}

// endOpen ends the transaction of a step that was given up since tasks leave: whoever has
// them next waits until it has ended, and this worker may have nothing more to commit.
func (w *worker) endOpen(hard context.Context) {
	ctx, cancel := context.WithTimeout(hard, endingPatience)
	defer cancel()
	if err := w.producer.Abort(ctx); err != nil {
		w.log.Warn("a transaction is left open, and tasks that leave wait until it has timed out", "error", err)
	}
}

// endingPatience is less than a rebalance waits for its members.
const endingPatience = 3 * time.Second

// record writes the step's changes of state for the changelog.
func (w *worker) record(ctx context.Context) error {
	if !w.run.p.stateful() {
		return nil
	}
	to, err := w.run.changelogTopic(ctx)
	for failures := 0; err != nil && ctx.Err() == nil && !errors.Is(err, txn.ErrNoTopic); failures++ {
		w.log.Log(ctx, levelOf(failures), "the changelog is not known, and is asked for again", "error", err)
		pause(ctx, backoff(failures))
		to, err = w.run.changelogTopic(ctx)
	}
	for _, t := range w.step.tasks {
		if err == nil {
			err = t.record(to, w.out.buffer)
		}
	}
	return err
}

// errReplaced says that the group has gone on without this node, and that it has come
// back as somebody else. The client does not tell of tasks that it is given again then,
// although others may have had them in between: their state, and the step, are of before.
var errReplaced = errors.New("the group has put this node out, and tasks may have been others' since")

// offsets are what the step commits, in the name under which its tasks were given.
func (w *worker) offsets() (txn.Offsets, error) {
	o := txn.Offsets{Group: w.run.p.groupName()}
	o.Member, o.Generation = w.run.client.GroupMetadata()
	for _, t := range w.step.tasks {
		note := t.mark()
		if t.member != o.Member || o.Member == "" {
			return o, fmt.Errorf("%w: it was member %q of group %q and is %q", errReplaced, t.member, o.Group, o.Member)
		}
		for i, in := range t.inputs {
			if in.next != in.committed || i == 0 && t.queue != nil { // what it says of timers is of now
				o.Next = append(o.Next, txn.Offset{Topic: in.topic, Partition: t.id.Partition, At: in.next, Note: note})
			}
		}
	}
	return o, nil
}

// committed makes the step what has happened.
func (w *worker) committed(ctx context.Context) error {
	m := w.run.metrics
	w.run.goesOn()
	m.steps.Inc()
	m.records.Add(float64(w.step.records))
	m.letters.Add(float64(w.step.letters))
	m.seconds.Observe(time.Since(w.step.began).Seconds())
	for _, t := range w.step.tasks {
		for _, in := range t.inputs {
			if in.next != in.committed {
				t.begins(in)
			}
			in.committed = in.next
			in.shown.Store(in.next)
		}
		t.careful = max(0, t.careful-1)
		if t.failing != nil && t.failing.handled {
			t.failing = nil
		}
		w.run.freed(t, t.in.commit())
		if err := t.committed(ctx, w.out.buffer); err != nil {
			return err
		}
	}
	w.out.buffer.Clear()
	return nil
}

// aborted makes the step what has not happened: its records come again.
func (w *worker) aborted() {
	for _, t := range w.step.tasks {
		for _, in := range t.inputs {
			in.next = in.committed
		}
		t.in.rewind()
		t.aborted()
		if t.failing != nil {
			t.failing.handled = false
		}
	}
	w.out.buffer.Clear()
}

// refused is told that a topic does not take what the step has for it. If the step was
// for one record or timer, that has failed; else each of them gets a step of its own, so
// that the one is found.
func (w *worker) refused(err *txn.RefusedError) error {
	tasks, n := w.step.tasks, w.step.records+len(w.step.timers)
	w.aborted()
	switch {
	case err.Topic == w.run.p.changelog():
		return fmt.Errorf("changes of state are refused, and nothing is given up for that: %w: see to max.message.bytes and the settings of the changelog", err)
	case len(tasks) == 1 && n == 1:
		w.blame(tasks[0], &callError{err: err})
		return nil
	}
	w.log.Warn("a topic does not take what is written: records and timers are handled one by one, to find which it is", "error", err)
	for _, t := range tasks {
		t.careful = n
	}
	return nil
}

// blame has the only record or timer of a step failed, which has been aborted.
func (w *worker) blame(t *task, failure *callError) {
	if len(w.step.timers) == 1 {
		w.failedTimer(t, w.step.timers[0], failure)
		return
	}
	w.failed(t, t.in.peek(1)[0], failure)
}

// whileOwned is a context that ends when one of the step's tasks is lost, or hard does.
func (w *worker) whileOwned(hard context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(hard)
	stops := make([]func() bool, len(w.step.tasks))
	for i, t := range w.step.tasks {
		stops[i] = context.AfterFunc(t.ctx, cancel)
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}

func (w *worker) anyLeaves() bool {
	for _, t := range w.step.tasks {
		if t.isLeaving() != staying {
			return true
		}
	}
	return false
}

// abandonStep is for a step of which it will not be known whether it was committed,
// since the tasks were lost meanwhile. If they all were, that is others' to see.
func (w *worker) abandonStep(err error) error {
	for _, t := range w.step.tasks {
		if t.isLeaving() == staying {
			return err
		}
	}
	w.aborted()
	return nil
}
