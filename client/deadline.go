package client

import (
	"context"
	"sync"
	"time"
)

// A deadline is the context of a handler, whose timer is made only when somebody asks about
// it: most handlers are done long before.
type deadline struct {
	parent context.Context
	at     time.Time

	mu struct {
		sync.Mutex
		ctx    context.Context // nil: not made yet
		cancel context.CancelFunc
		ended  bool
	}
}

// begin has the time run. It is called before anybody has the context.
func (d *deadline) begin(parent context.Context, after time.Duration) {
	d.parent, d.at = parent, time.Now().Add(after)
}

// end ends the context: the handler has returned.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.ended = true
	if d.mu.cancel != nil {
		d.mu.cancel()
	}
}

// context is the one that is made.
func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.ctx == nil {
		d.mu.ctx, d.mu.cancel = context.WithDeadlineCause(d.parent, d.at, ErrDeadline)
		if d.mu.ended {
			d.mu.cancel()
		}
	}
	return d.mu.ctx
}

// Deadline implements [context.Context].
func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.parent.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Done implements [context.Context].
func (d *deadline) Done() <-chan struct{} { return d.context().Done() }

// Err implements [context.Context].
func (d *deadline) Err() error { return d.context().Err() }

// Value implements [context.Context]. Contexts that are derived find the made one by it.
func (d *deadline) Value(key any) any { return d.context().Value(key) }

// A timekeeper has a worker's calls left behind that outlive their deadlines by [lateness],
// with one timer: when it fires it looks at the call that is under way then, and if that has
// time left it is set again.
type timekeeper struct {
	timer *time.Timer
	mu    struct {
		sync.Mutex
		call *call
		set  bool // the timer is
	}
}

func newTimekeeper() *timekeeper {
	k := &timekeeper{}
	k.timer = time.AfterFunc(time.Hour, k.look)
	k.timer.Stop()
	return k
}

// begin begins to look after a call. No call's time ends before an earlier one's.
func (k *timekeeper) begin(c *call) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mu.call = c
	if !k.mu.set {
		k.mu.set = true
		k.timer.Reset(time.Until(c.at.Add(lateness)))
	}
}

// end says that the call has returned.
func (k *timekeeper) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mu.call = nil
}

// look leaves the call behind that is under way, if it is late.
func (k *timekeeper) look() {
	if c := k.late(); c != nil {
		c.leave()
	}
}

func (k *timekeeper) late() *call {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.mu.call
	if c != nil {
		if left := time.Until(c.at.Add(lateness)); left > 0 {
			k.timer.Reset(left)
			return nil
		}
	}
	k.mu.call, k.mu.set = nil, false
	return c
}
