package group

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/group/classic"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/group/share"
)

// shareEnv is what a share group may know of the world.
func (c *Coordinator) shareEnv(group string, now time.Time, topics consumer.Topics) share.Env {
	settings := c.cfg.Settings(group)
	return share.Env{
		Now:               now,
		Topics:            topics,
		SessionTimeout:    settings.ShareSession,
		HeartbeatInterval: settings.ShareHeartbeat,
	}
}

// asShare returns e's share group, or a new one if there is nothing yet and it is
// to be made. It changes nothing.
func (c *Coordinator) asShare(e *entry, make bool) (*share.Group, error) {
	switch g := e.group.(type) {
	case *share.Group:
		return g, nil
	case *classic.Group:
		if make && e.unused() && g.Idle() {
			return share.New(&c.share, e.id), nil
		}
	}
	return nil, notFound("Group %s is not a share group.", e.id)
}

// performShare does what a step of a share group asks for, and calls done, with
// the lock held, when all is durable that the answer to the step depends on.
func (c *Coordinator) performShare(e *entry, fx share.Effects, done func(*kerr.Error)) {
	for _, d := range fx.Gone {
		e.later(func() { c.cfg.Queues.Left(e.id, d.Member, d.Orderly) })
	}
	if len(fx.Records) == 0 && len(e.owed) == 0 {
		e.afterWrites(done)
		return
	}
	e.stored = true
	c.keep(e, recordsOf(fx.Records), done)
}

// reserve keeps members from joining e, a share group without members, until
// unreserve, while something is done to its queues. It returns why that cannot be.
func (c *Coordinator) reserve(e *entry, make bool) error {
	g, err := c.asShare(e, make)
	switch {
	case err != nil:
		return err
	case !g.Empty():
		return kerr.NonEmptyGroup
	case e.reserved:
		return kerr.CoordinatorNotAvailable
	}
	e.group, e.reserved = g, true
	return nil
}

// unreserve ends reserve and calls f with the group.
func (c *Coordinator) unreserve(e *entry, f func(g *share.Group, now time.Time)) {
	c.step(e, func(now time.Time) {
		e.reserved = false
		if g, ok := e.group.(*share.Group); ok {
			f(g, now)
		}
	})
}

// deleteShare deletes a share group without members: first its queues, then the
// group. The lock is held.
func (c *Coordinator) deleteShare(e *entry, answer func(*kerr.Error)) {
	if err := c.reserve(e, false); err != nil {
		answer(errorOf(err))
		return
	}
	e.later(func() {
		c.cfg.Queues.Delete(e.id, nil, func(err error) {
			c.unreserve(e, func(*share.Group, time.Time) {
				if err != nil {
					answer(errorOf(err))
					return
				}
				c.deleteGroup(e, answer)
			})
		})
	})
}

// errorOf is Kafka's error that err is or wraps. Without one, the client is to try
// again: the disk has failed, and recovers by itself.
func errorOf(err error) *kerr.Error {
	var code *kerr.Error
	if errors.As(err, &code) {
		return code
	}
	return kerr.CoordinatorNotAvailable
}
