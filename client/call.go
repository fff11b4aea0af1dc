package client

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// errExited is what a handler comes to that neither returned nor panicked.
var errExited = Permanent(errors.New("the handler ended its goroutine (runtime.Goexit)"))

// A call is one call of the handler, with a message of its own, so that a handler that
// was left behind does not meet the next attempt. It is over once: when the handler
// returns, or when it is left behind.
type call struct {
	deadline // the handler's context
	crew     *crew
	task     *task
	over     atomic.Bool
	message  Message
}

// Value is what the handler's context says: its event is the cause of what it produces.
func (c *call) Value(key any) any {
	if key == (causeKey{}) {
		return &c.message.Event
	}
	return c.deadline.Value(key)
}

// make calls the handler. It tells whether the worker still counts.
func (c *call) make(watch *timekeeper) (counts bool) {
	t, m, consumer := c.task, &c.message, c.crew.c
	t.tries++
	m.Attempt, m.over, m.ctx = t.tries, &c.over, c
	c.begin(t.part.ctx, consumer.policy.Deadline)
	watch.begin(c)
	err := errExited
	defer func() {
		watch.end()
		if counts = c.over.CompareAndSwap(false, true); counts {
			t.emits = m.emits
			c.crew.settle(t, err)
		}
		c.end()
		if err == errExited {
			c.exited(counts)
		}
	}()
	err = consumer.call(c, m)
	if err != nil && context.Cause(c) == ErrDeadline {
		err = fmt.Errorf("%w (%v): %w", ErrDeadline, consumer.policy.Deadline, err)
	}
	return counts
}

// exited has another worker take the place of one whose goroutine a handler ended.
func (c *call) exited(counted bool) {
	if !counted {
		c.crew.back()
		return
	}
	c.crew.hire()
	c.crew.workers.Done()
}

// leave leaves a handler behind that has outlived its deadline.
func (c *call) leave() {
	if !c.over.CompareAndSwap(false, true) {
		return
	}
	w := c.crew
	w.c.counts.left.Add(1)
	if most := int64(max(w.c.concurrency, 8)); w.left.Add(1) > most {
		w.out.stop(fmt.Errorf("%w: more than %d of them", ErrStuck, most))
	}
	w.hire()
	w.workers.Done()
	w.settle(c.task, fmt.Errorf("%w (%v), and still runs", ErrDeadline, w.c.policy.Deadline))
}

// call calls the handler and makes an error of a panic.
func (c *Consumer) call(ctx context.Context, m *Message) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	if err := c.client.cfg.claims.redeem(ctx, &m.Event); err != nil {
		return err
	}
	return c.handler(ctx, m)
}
