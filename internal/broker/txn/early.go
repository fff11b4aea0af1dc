package txn

import (
	"github.com/twmb/franz-go/pkg/kerr"
)

// joining is a value with more partitions that counts while it is being stored.
// Each has the partitions of those before it, so if one is durable, so are they.
type joining struct {
	stored []func(*kerr.Error) // who waits for it
}

// joinEarly lets r's partitions be in the transaction before that is durable, and
// notes what r waits for. The lock is held.
func (e *entry) joinEarly(r *request) {
	if next := r.step.Next; next != nil {
		e.value.Store(next)
		r.joining = &joining{}
		e.mu.last, e.mu.unstored = r.joining, false
		e.mu.joins++
	}
	if e.mu.last == nil {
		r.settled = true
		return
	}
	e.mu.last.stored = append(e.mu.last.stored, r.stored)
}

// begin lets a request go on that has joined early, while what it joined is being
// stored.
func (c *Coordinator) begin(e *entry, r *request) {
	c.track(e, true)
	c.write(e, recordValue(r.step.Next), func(err error) { c.joined(e, r.joining, err) })
	r.reply()
}

// joined goes on when a joining is durable, or could not be stored: then the
// partitions stay in the value, since there may be records in them, and are stored
// with whatever comes next. It does not wait.
func (c *Coordinator) joined(e *entry, j *joining, err error) {
	var answer *kerr.Error
	if err != nil {
		c.logFailure(e, err)
		answer = storeError(err)
	}
	e.mu.Lock()
	e.mu.joins--
	if e.mu.last == j {
		e.mu.last, e.mu.unstored = nil, err != nil
	}
	spawn := e.mu.joins == 0 && !e.mu.serving && len(e.mu.waiting) > 0
	e.mu.serving = e.mu.serving || spawn
	e.mu.Unlock()
	for _, stored := range j.stored {
		stored(answer)
	}
	if spawn {
		c.spawn(e, func() {})
	}
}
