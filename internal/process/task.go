package process

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/state"
)

// task is a task that this node has. Its worker owns it, but for what is said.
type task struct {
	id     Task
	run    *Run
	worker *worker // set once, under mu
	member string  // by which the group gave the task to this node
	log    *slog.Logger
	ctx    context.Context // ends when the task is given up
	cancel context.CancelFunc
	in     inbox

	inputs  []*input
	handler Handler
	latest  atomic.Int64 // highest timestamp seen, ms; what event time is reckoned from
	failing *failing     // the record that is to be tried again
	careful int          // records and timers that are handled in steps of their own
	keeping              // state and timers, if the processor has some

	held      atomic.Bool  // its partitions are not fetched: it has enough
	abandoned atomic.Int32 // calls that were given up and have not returned

	mu struct {
		sync.Mutex
		state  State
		reason string
		// preparing: a goroutine makes state and code ready, and then gives the task to a
		// worker, or releases it.
		preparing bool
		readable  *state.Task // what others may read
		// leaving is why the task is given up; released is closed when it has been.
		leaving leaving
	}
	released chan struct{}
}

// leaving is how a task is given up.
type leaving uint8

const (
	staying leaving = iota
	// revoked: what was begun is still committed.
	revoked
	// lost: somebody else may have it already.
	lost
)

// input is a partition that a task reads.
type input struct {
	topic     string
	committed int64 // offset that has been committed, or was begun at
	next      int64 // the same with the step that is under way

	begun   bool  // it is noted that a position was committed; the worker's
	fetched int64 // offset after what was fetched; the consumer's

	shown atomic.Int64 // committed, for others; -1 before it is known
	end   atomic.Int64 // of the partition, as it was fetched last
}

// failing is a record, or a timer, on which the code has failed.
type failing struct {
	topic    string
	offset   int64
	timer    *Timer
	attempts int
	last     *callError
	retry    time.Time
	handled  bool // at last, in the step under way
}

// isTimer tells whether f is about a timer.
func (f *failing) isTimer(t Timer) bool {
	return f != nil && f.timer != nil && f.timer.Clock == t.Clock && f.timer.Name == t.Name && bytes.Equal(f.timer.Key, t.Key)
}

// is tells whether f is about a record.
func (f *failing) is(r *kgo.Record) bool {
	return f != nil && f.timer == nil && f.offset == r.Offset && f.topic == r.Topic
}

// observe takes note of a record that the code is about to be given.
func (t *task) observe(r *kgo.Record, now time.Time) {
	if t.queue != nil {
		t.queue.Observe(r.Timestamp, now)
		return
	}
	ms := r.Timestamp.UnixMilli()
	for was := t.latest.Load(); ms > was && !t.latest.CompareAndSwap(was, ms); was = t.latest.Load() {
	}
}

// eventTime is the latest timestamp seen less the lateness.
func (t *task) eventTime() time.Time {
	if t.queue != nil {
		return t.queue.EventTime()
	}
	ms := t.latest.Load()
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).Add(-t.run.p.Lateness)
}

// save makes a savepoint, to which undo goes back.
func (t *task) save(out *outbox) {
	out.save()
	t.keeping.save()
}

// undo takes back what the call after the savepoint did.
func (t *task) undo(out *outbox) {
	out.undo()
	t.keeping.undo()
}

// input is that of a topic.
func (t *task) input(topic string) *input {
	for _, in := range t.inputs {
		if in.topic == topic {
			return in
		}
	}
	return nil
}

// leave begins to give the task up, and returns what is closed when that is done.
func (t *task) leave(how leaving) <-chan struct{} {
	t.mu.Lock()
	t.mu.leaving = max(t.mu.leaving, how)
	w, preparing := t.worker, t.mu.preparing
	t.mu.Unlock()
	if how == lost || w == nil {
		t.cancel()
	}
	if w == nil {
		if !preparing {
			close(t.released)
		}
		return t.released
	}
	w.hurry.Store(true)
	w.call()
	return t.released
}

func (t *task) isLeaving() leaving {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.leaving
}

func (t *task) setState(s State, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.state, t.mu.reason = s, reason
}

func (t *task) doing() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.state
}

// blocked is until when the task waits to try something again; zero if it does not.
func (t *task) blocked(now time.Time) (until time.Time) {
	if t.failing != nil && now.Before(t.failing.retry) {
		return t.failing.retry
	}
	return time.Time{}
}

// wakes is when the task may have something to do though nothing comes; zero if that is
// never.
func (t *task) wakes(now time.Time) time.Time {
	if until := t.blocked(now); !until.IsZero() || t.queue == nil {
		return until
	}
	if t.before() && !t.reached() {
		return time.Time{} // its clock stands still until records have come
	}
	if wait, ok := t.queue.Wait(t.clock(now)); ok {
		return now.Add(wait)
	}
	return time.Time{}
}

// ready tells whether there is something to do.
func (t *task) ready(now time.Time) bool {
	if t.doing() != Running || t.run.paused.Load() || t.isLeaving() != staying || t.ctx.Err() != nil || !t.blocked(now).IsZero() {
		return false
	}
	return t.due(now) || len(t.in.peek(1)) > 0
}

// due tells whether a timer may be.
func (t *task) due(now time.Time) bool { return t.queue != nil && t.queue.Ready(t.clock(now)) }

// most is how many records the code is given at a time.
func (t *task) most() int {
	if t.careful > 0 || t.failing != nil {
		return 1
	}
	return most
}

// stop ends the task's work until it is given to somebody, or resumed.
func (t *task) stop(reason string) {
	t.log.Error("the task has stopped", "reason", reason)
	t.setState(Stopped, reason)
}

// returned is told that a call that was given up has ended.
func (t *task) returned() {
	t.abandoned.Add(-1)
	t.run.metrics.abandoned.Dec()
}

// close lets go of what the task has.
func (t *task) close() {
	t.cancel()
	t.run.freed(t, t.in.clear())
	t.letGo()
}

// owner is the task's worker, or nil before it has one.
func (t *task) owner() *worker {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.worker
}
