package group

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Run reads what the store holds, and then keeps time for all groups, until
// ctx ends. It returns ctx's error once every request that waited has been
// answered COORDINATOR_NOT_AVAILABLE; so are all that come later. Commits that
// are on their way to the disk then may or may not have been stored.
func (c *Coordinator) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error { return c.topic.Load(ctx, c.loadPartition, c.loadFailed) })
	g.Go(func() error { return c.serve(ctx) })
	err := g.Wait()
	c.close()
	return err
}

func (c *Coordinator) serve(ctx context.Context) error {
	sweep := time.NewTicker(c.cfg.RetentionInterval)
	defer sweep.Stop()
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-alarm.C:
			c.expire()
		case <-c.timers.Earlier():
		case <-c.finished.some:
			c.applyFinished()
		case <-sweep.C:
			c.sweep()
		case <-c.topic.Wanted():
			c.createTopic(ctx)
		}
		if next := c.timers.Next(); !next.IsZero() {
			alarm.Reset(time.Until(next))
		}
	}
}

// expire applies the deadlines that have come.
func (c *Coordinator) expire() {
	for _, e := range c.timers.Take(time.Now()) {
		c.step(e, func(now time.Time) {
			e.wake = time.Time{} // timers has let go of it
			c.expireGroup(e, now)
		})
	}
}

func (c *Coordinator) createTopic(ctx context.Context) {
	if err := c.topic.Create(ctx); err != nil {
		c.cfg.Logger.Error("__consumer_offsets cannot be created; clients are told to try again", "error", err)
	}
}

// close answers everything that waits.
func (c *Coordinator) close() {
	c.mu.Lock()
	c.mu.closed = true
	c.mu.Unlock()
	c.topic.Close()
	for _, e := range c.entries() {
		c.step(e, func(now time.Time) {
			e.close(now)
			e.abandonWrites(kerr.CoordinatorNotAvailable)
		})
	}
}
