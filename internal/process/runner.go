package process

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// runner is a goroutine that calls code for a worker, so that the worker can give a
// call up. One that was given up is not used again, and ends when the call returns.
type runner struct {
	jobs  chan job
	done  chan outcome
	ended chan struct{}
	alive atomic.Pointer[call] // the call that is under way
	hurry *atomic.Bool         // the worker wants the job to end after a call
}

// job is to have code handle records, or timers, one after the other.
type job struct {
	task    *task
	out     *outbox
	records []*kgo.Record
	timer   *Timer   // instead of records; it has been taken, after a savepoint
	due     *[]Timer // instead of both: what is due, with those that were taken
}

// outcome is what became of a job: n records, or timers, were handled, and failure is
// that of the next one, or nil.
type outcome struct {
	n       int
	failure *callError
}

// callError is why a call has failed.
type callError struct {
	err   error
	stack []byte // of a panic
}

// newRunner starts a goroutine, which ends when jobs is closed.
func newRunner(hurry *atomic.Bool) *runner {
	r := &runner{jobs: make(chan job), done: make(chan outcome, 1), ended: make(chan struct{}), hurry: hurry}
	go func() {
		defer close(r.ended)
		for j := range r.jobs {
			r.done <- r.do(j)
		}
	}()
	return r
}

// close ends the goroutine, which has nothing to do, and waits for it.
func (r *runner) close() {
	close(r.jobs)
	<-r.ended
}

// do runs a job until its end, its first failure, or until it is to hurry. If the worker
// has given a call up, nothing here is the goroutine's any more, and nobody looks at
// what it returns.
func (r *runner) do(j job) outcome {
	// The handler may become another one while a call of this one goes on.
	d := doing{runner: r, job: j, handler: j.task.handler}
	d.run()
	return d.outcome
}

// doing is a job that is run.
type doing struct {
	job
	outcome
	runner  *runner
	handler Handler
	c       *call // that is under way
}

func (d *doing) run() {
	defer func() {
		if p := recover(); p != nil {
			d.failure = &callError{fmt.Errorf("panic: %v", p), debug.Stack()}
		}
		if d.c != nil && !d.runner.finish(d.c) {
			d.task.returned()
		}
	}()
	switch {
	case d.timer != nil:
		d.fire(*d.timer)
	case d.due != nil:
		d.fireDue()
	default:
		d.handleAll()
	}
}

func (d *doing) handleAll() {
	for _, rec := range d.records {
		if d.runner.hurry.Load() {
			return
		}
		if d.task.waits(rec) {
			return
		}
		now := d.task.run.cfg.Now()
		d.task.observe(rec, now)
		if d.task.due(now) {
			return // what is due by this record comes before it
		}
		d.task.save(d.out)
		d.out.input = d.n
		d.c = d.runner.begin(d.job, d.n, rec.Timestamp)
		d.c.mute = d.task.mutes(rec)
		if !d.called(d.handler.Handle(d.c, rec)) {
			return
		}
	}
}

// fireDue fires what is due, up to so many. A failure without a timer is the queue's.
func (d *doing) fireDue() {
	t := d.task
	for d.n < most && !d.runner.hurry.Load() {
		t.save(d.out)
		due, ok, err := t.queue.Take(t.timers(), t.clock(t.run.cfg.Now()))
		if err != nil {
			d.failure = &callError{err: fmt.Errorf("timers of task %d: %w", t.id.Partition, err)}
			return
		}
		if !ok {
			return
		}
		*d.due = append(*d.due, ours(due))
		if !d.fire(ours(due)) {
			return
		}
	}
}

// fire says whether the next timer may be fired.
func (d *doing) fire(tm Timer) bool {
	d.c = d.runner.begin(d.job, d.n, tm.At)
	d.c.mute = d.task.mutesTimer(tm)
	return d.called(d.handler.(TimerHandler).Fire(d.c, tm))
}

// called ends a call, and says whether there may be another one.
func (d *doing) called(err error) bool {
	if err != nil {
		d.failure = &callError{err: err}
		return false
	}
	if !d.runner.finish(d.c) {
		return false
	}
	d.c = nil
	d.n++
	return true
}

// begin makes the step of a call.
func (r *runner) begin(j job, n int, timestamp time.Time) *call {
	c := &call{task: j.task, out: j.out, timestamp: timestamp, began: time.Now(), deadline: j.task.run.policy.Deadline, index: n}
	r.alive.Store(c)
	return c
}

// finish ends a call, unless it has been ended: by the goroutine when it has returned, or
// by the worker.
func (r *runner) finish(c *call) bool {
	if !r.alive.CompareAndSwap(c, nil) {
		return false
	}
	c.end()
	return true
}
