package txn

import "github.com/twmb/franz-go/pkg/kerr"

// submit asks the entry. Unless others have to go first, the answer is given, or
// the write begun, before submit returns.
func (c *Coordinator) submit(e *entry, r *request) {
	serve, taken := e.enter(r)
	switch {
	case !taken:
		r.refuse(kerr.ConcurrentTransactions)
	case serve:
		c.serve(e)
	}
}

// serve answers the requests that wait, until one of them has to go on waiting.
func (c *Coordinator) serve(e *entry) {
	for r := e.next(); r != nil; r = e.next() {
		switch {
		case r.step.NeedID:
			c.spawn(e, func() { c.fetchID(e, r) })
			return
		case r.joining != nil:
			c.begin(e, r)
		case r.step.Next != nil:
			c.store(e, r.step.Next)
			return
		default:
			r.reply()
		}
	}
}

// spawn goes on serving in another goroutine, which begins with f. It returns
// false when the broker closes: then all who wait have been turned away instead.
func (c *Coordinator) spawn(e *entry, f func()) bool {
	if c.cfg.Go(func() { f(); c.serve(e) }) {
		return true
	}
	e.mu.Lock()
	all := e.takeWaiting()
	e.mu.serving = false
	e.mu.Unlock()
	refuseAll(all, kerr.CoordinatorNotAvailable)
	return false
}

// fetchID gets a producer id for r, the first request that waits.
func (c *Coordinator) fetchID(e *entry, r *request) {
	id, err := c.cfg.ProducerID()
	if err == nil {
		r.freshID = id
		return
	}
	c.cfg.Logger.Error("a transactional id has used up its producer id, and there is no other to be had",
		"transactional_id", e.id, "error", err)
	if e.withdraw(r) {
		r.refuse(kerr.CoordinatorNotAvailable)
	}
}
