package process

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrDeadline says that code has not returned in time.
var ErrDeadline = errors.New("the code has not returned in time")

// mostAbandoned is how many calls of a task may have been given up, and still be going
// on, before the task stops.
const mostAbandoned = 4

// handle gives records to the code, and says how many it handled, and why not the next.
func (w *worker) handle(t *task, records []*kgo.Record) (int, *callError) {
	if t.run.p.Concurrency > 1 {
		return w.handleAtOnce(t, records)
	}
	return w.supervise(t, &w.runner, job{task: t, out: w.out, records: records})
}

// supervise has a job run, and gives the call up that takes too long, or that somebody
// else cannot wait for.
func (w *worker) supervise(t *task, with **runner, j job) (int, *callError) {
	r := *with
	r.jobs <- j
	watch := time.NewTimer(t.run.policy.Deadline)
	defer watch.Stop()
	for {
		select {
		case o := <-r.done:
			if o.failure != nil {
				t.undo(j.out)
			}
			return o.n, o.failure
		case <-t.ctx.Done():
			if c := r.alive.Load(); c != nil && r.finish(c) {
				t.undo(j.out)
				w.abandon(t, with)
				return c.index, nil
			}
		case <-watch.C:
			c := r.alive.Load()
			if c == nil {
				watch.Reset(time.Millisecond)
				continue
			}
			if left := time.Until(c.began.Add(c.deadline)); left > 0 {
				watch.Reset(left)
				continue
			}
			if r.finish(c) {
				t.undo(j.out)
				w.abandon(t, with)
				return c.index, &callError{err: fmt.Errorf("%w: %v", ErrDeadline, c.deadline)}
			}
			watch.Reset(time.Millisecond)
		}
	}
}

// abandon leaves the runner to the call that does not return, and makes a new one, with
// code of its own.
func (w *worker) abandon(t *task, r **runner) {
	close((*r).jobs)
	t.abandoned.Add(1) // the runner takes it back when the call has returned
	w.run.metrics.abandoned.Inc()
	*r = newRunner(&w.hurry)
	if t.run.p.Concurrency > 1 || t.ctx.Err() != nil {
		return
	}
	if err := t.newCode(); err != nil { // the one before is in use
		w.broken = fmt.Errorf("code of task %d, after a call was given up: %w", t.id.Partition, err)
	}
	t.keeping.undo() // if it has changed something, which it must not
}

// failed notes that the code has failed on a record.
func (w *worker) failed(t *task, r *kgo.Record, failure *callError) {
	if !t.failing.is(r) {
		t.failing = &failing{topic: r.Topic, offset: r.Offset}
	}
	w.failedAgain(t, failure, "topic", r.Topic, "partition", r.Partition, "offset", r.Offset)
}

// failedAgain notes one more failure of what is failing.
func (w *worker) failedAgain(t *task, failure *callError, what ...any) {
	if err := t.broken(); err != nil {
		w.broken = err // it is not the record's fault
		return
	}
	f := t.failing
	f.attempts++
	f.last = failure
	f.retry = time.Time{}
	if errors.Is(failure.err, ErrReject) {
		f.attempts = max(f.attempts, w.run.policy.Attempts)
	}
	switch now := w.run.cfg.Now(); {
	case f.attempts < w.run.policy.Attempts:
		f.retry = now.Add(w.run.policy.backoff(f.attempts))
	case f.attempts > w.run.policy.Attempts: // the dead letter was refused
		f.retry = now.Add(w.run.policy.MaxBackoff)
	}
	w.log.Warn("the code has failed", append(what, "attempt", f.attempts, "of", w.run.policy.Attempts, "error", failure.err)...)
	if n := t.abandoned.Load(); n >= mostAbandoned {
		t.stop(fmt.Sprintf("%d calls have not returned by their deadline of %v, and go on", n, w.run.policy.Deadline))
	}
}
