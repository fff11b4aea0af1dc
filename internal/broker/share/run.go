package share

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// Run reads what the store holds, and then keeps time for all share-partitions,
// until ctx ends. It returns ctx's error. What is on its way to the disk then may
// or may not have been stored.
func (c *Coordinator) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error {
		return c.topic.Load(ctx, c.load, func(err error) {
			c.cfg.Logger.Error("share groups cannot be loaded; trying again", "error", err)
		})
	})
	g.Go(func() error { return c.serve(ctx) })
	err := g.Wait()
	c.topic.Close()
	return err
}

func (c *Coordinator) serve(ctx context.Context) error {
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-alarm.C:
			for _, p := range c.timers.Take(time.Now()) {
				p.expire(time.Now())
			}
		case <-c.timers.Earlier():
		case <-c.events.some:
			for _, f := range c.events.take() {
				f()
			}
		case <-c.topic.Wanted():
			if err := c.topic.Create(ctx); err != nil {
				c.cfg.Logger.Error("__share_group_state cannot be created; clients are told to try again", "error", err)
			}
		}
		if next := c.timers.Next(); !next.IsZero() {
			alarm.Reset(time.Until(next))
		}
	}
}
