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

// job is to have code handle records, or a timer, one after the other.
type job struct {
	task    *task
	out     *outbox
	records []*kgo.Record
	timer   *Timer // instead of records; it has been taken, after a savepoint
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
func (r *runner) do(j job) (o outcome) {
	var c *call
	handler := j.task.handler // it may become another one while a call of this one goes on
	defer func() {
		if p := recover(); p != nil {
			o.failure = &callError{fmt.Errorf("panic: %v", p), debug.Stack()}
		}
		if c != nil && !r.finish(c) {
			j.task.returned()
		}
	}()
	if j.timer != nil {
		c = r.begin(j, 0, j.timer.At)
		if err := handler.(TimerHandler).Fire(c, *j.timer); err != nil {
			o.failure = &callError{err: err}
			return o
		}
		o.n++
		return o
	}
	for _, rec := range j.records {
		if r.hurry.Load() {
			return o
		}
		now := j.task.run.cfg.Now()
		j.task.observe(rec, now)
		if j.task.due(now) {
			return o // what is due by this record comes before it
		}
		j.task.save(j.out)
		j.out.input = o.n
		c = r.begin(j, o.n, rec.Timestamp)
		if err := handler.Handle(c, rec); err != nil {
			o.failure = &callError{err: err}
			return o
		}
		if !r.finish(c) {
			return o
		}
		c = nil
		o.n++
	}
	return o
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
