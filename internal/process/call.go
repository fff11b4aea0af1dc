package process

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/evidentlog/evident/internal/process/timer"
)

// Errors that code sees.
var (
	// ErrDead says that a step is used after the call it was made for has ended, or has
	// passed its deadline.
	ErrDead = errors.New("the step is over")
	// ErrNoStore is for a store that the processor does not declare.
	ErrNoStore = errors.New("no such store")
	// ErrNoTimers is for a timer of a processor that does not say that it sets some.
	ErrNoTimers = errors.New("the processor has no timers")
)

// call is the step as the code sees it for one record or timer.
type call struct {
	task *task
	out  *outbox
	// timestamp is what outputs have that say nothing else.
	timestamp time.Time
	began     time.Time
	index     int // of the record in its job
	deadline  time.Duration
	mute      bool // its outputs go nowhere

	mu struct {
		sync.Mutex
		dead   bool
		ctx    context.Context // made when it is asked for
		cancel context.CancelFunc
	}
}

// end makes the step dead. Whoever has ended it knows that nothing uses what the call
// worked on any more.
func (c *call) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.dead = true
	if c.mu.cancel != nil {
		c.mu.cancel()
	}
}

// enter keeps the step from being ended until leave, unless it is dead.
func (c *call) enter() error {
	c.mu.Lock()
	if c.mu.dead {
		c.mu.Unlock()
		return fmt.Errorf("%w: %v of %q", ErrDead, c.task.id.Partition, c.task.id.Processor)
	}
	return nil
}

func (c *call) leave() { c.mu.Unlock() }

// Context implements [Step].
func (c *call) Context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.ctx == nil {
		c.mu.ctx, c.mu.cancel = context.WithDeadline(c.task.ctx, c.began.Add(c.deadline))
		if c.mu.dead {
			c.mu.cancel()
		}
	}
	return c.mu.ctx
}

// Now implements [Step].
func (c *call) Now() time.Time { return c.task.run.cfg.Now() }

// Emit implements [Step].
func (c *call) Emit(o Output) error {
	if c.mute {
		if err := c.enter(); err != nil {
			return err
		}
		c.leave()
		return nil
	}
	to, err := c.task.run.topics.Topic(c.task.ctx, o.Topic) // may ask the cluster: not under the lock
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	if o.Timestamp.IsZero() {
		o.Timestamp = c.timestamp
	}
	if err := c.enter(); err != nil {
		return err
	}
	defer c.leave()
	return c.out.add(to, c.task.id.Partition, &o)
}

// EventTime implements [Step].
func (c *call) EventTime() time.Time {
	if c.enter() != nil {
		return time.Time{}
	}
	defer c.leave()
	return c.task.eventTime()
}

// Store implements [Step].
func (c *call) Store(name string) Store {
	if !c.task.run.p.declares(name) {
		return nowhere{name}
	}
	return &store{c, name}
}

// SetTimer implements [Step].
func (c *call) SetTimer(t Timer) error {
	return c.withTimers(func(q *timer.Queue, s timer.Store) error { return q.Set(s, theirs(t)) })
}

// StopTimer implements [Step].
func (c *call) StopTimer(t Timer) error {
	return c.withTimers(func(q *timer.Queue, s timer.Store) error { return q.Stop(s, theirs(t)) })
}

func (c *call) withTimers(f func(*timer.Queue, timer.Store) error) error {
	if err := c.enter(); err != nil {
		return err
	}
	defer c.leave()
	if c.task.queue == nil {
		return fmt.Errorf("%w: its declaration has to say Timers", ErrNoTimers)
	}
	return f(c.task.queue, c.task.timers())
}

// theirs is a timer as the queue knows it.
func theirs(t Timer) timer.Timer {
	return timer.Timer{Clock: timer.Clock(t.Clock), Key: t.Key, Name: t.Name, At: t.At}
}

func ours(t timer.Timer) Timer {
	return Timer{Clock: Clock(t.Clock), Key: t.Key, Name: t.Name, At: t.At}
}
