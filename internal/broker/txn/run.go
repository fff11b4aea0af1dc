package txn

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

// patience is how long a request waits for a transition at most, and then until
// the next check.
const patience = time.Second

// Run reads what the store holds, takes up what a crash left open in partitions,
// completes what was decided, and then keeps time
// for all transactions, until ctx ends. It returns ctx's error once every request
// that waited has been answered COORDINATOR_NOT_AVAILABLE; so are all that come
// later.
func (c *Coordinator) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error { return c.loadAll(ctx) })
	g.Go(func() error { return c.keepTime(ctx) })
	err := g.Wait()
	c.close()
	return err
}

func (c *Coordinator) keepTime(ctx context.Context) error {
	check := time.NewTicker(c.cfg.CheckInterval)
	defer check.Stop()
	expire := time.NewTicker(c.cfg.ExpireInterval)
	defer expire.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.topic.Wanted():
			if err := c.topic.Create(ctx); err != nil {
				c.cfg.Logger.Error("__transaction_state cannot be created; clients are told to try again", "error", err)
			}
		case now := <-check.C:
			for _, e := range c.activeEntries() {
				c.check(e, now)
			}
		case now := <-expire.C:
			for _, e := range c.entries() {
				c.expire(e, now)
			}
		}
	}
}

// check ends what takes too long and tries again what failed.
func (c *Coordinator) check(e *entry, now time.Time) {
	e.mu.Lock()
	slow := e.idle() && e.value.Load().TimedOut(now.UnixMilli())
	retry := e.mu.stuck && e.mu.storing == nil
	e.mu.stuck = e.mu.stuck && !retry
	var late []*request
	if !e.mu.serving && len(e.mu.waiting) > 0 && now.Sub(e.mu.waiting[0].since) > patience {
		late = e.takeWaiting()
	}
	e.mu.Unlock()
	refuseAll(late, kerr.ConcurrentTransactions)
	switch {
	case slow:
		c.cfg.Go(func() { c.submit(e, c.timeout(e)) })
	case retry:
		c.cfg.Go(func() { c.mark(e) })
	}
}

// timeout is a request to abort the transaction if it takes too long.
func (c *Coordinator) timeout(e *entry) *request {
	var slow *transaction.Value
	return &request{
		decide: func(v *transaction.Value, now, freshID int64) transaction.Step {
			if !v.TimedOut(now) {
				return transaction.Step{} // it has ended by itself
			}
			slow = v
			return v.Fence(now, freshID)
		},
		answer: func(_ transaction.Producer, err *kerr.Error) {
			if slow != nil && err == nil {
				c.cfg.Logger.Info("a transaction took too long and was aborted", "transactional_id", e.id,
					"timeout", time.Duration(slow.Timeout)*time.Millisecond, "producer_id", slow.Producer.ID)
			}
		},
	}
}

// expire removes an id that nobody has used for long, from the disk and then
// from memory. Who asks meanwhile waits, and is told to ask again.
func (c *Coordinator) expire(e *entry, now time.Time) {
	e.mu.Lock()
	expired := e.idle() && e.value.Load().Expired(now.UnixMilli(), c.cfg.Expiration.Milliseconds())
	if expired {
		e.mu.storing = &transaction.Value{State: transaction.Dead}
	}
	e.mu.Unlock()
	if expired {
		c.write(e, nil, func(err error) { c.expired(e, err) })
	}
}

func (c *Coordinator) expired(e *entry, err error) {
	if err != nil {
		c.notStored(e, err)
		return
	}
	e.mu.Lock()
	e.mu.storing, e.mu.gone = nil, true
	all := e.takeWaiting()
	e.mu.Unlock()
	c.forget(e)
	refuseAll(all, kerr.ConcurrentTransactions)
}

// close answers everything that waits.
func (c *Coordinator) close() {
	c.mu.Lock()
	c.mu.closed = true
	c.mu.Unlock()
	c.topic.Close()
	for _, e := range c.entries() {
		e.mu.Lock()
		e.mu.gone = true
		all := e.takeWaiting()
		e.mu.Unlock()
		refuseAll(all, kerr.CoordinatorNotAvailable)
	}
}
