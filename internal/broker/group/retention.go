package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/group/classic"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/group/share"
)

// TopicDeleted removes the offsets that were committed for a topic that has
// been deleted. It does not wait for the disk: should it come to a crash
// before that, the next Run does it.
func (c *Coordinator) TopicDeleted(name string, id [16]byte) {
	for _, e := range c.entries() {
		c.step(e, func(time.Time) {
			c.dropOffsets(e, func(tp topicPartition, o committed) bool {
				return tp.topic == name && o.of(id)
			})
		})
	}
}

// dropOffsets removes offsets, also those that are being written now.
func (c *Coordinator) dropOffsets(e *entry, pick func(topicPartition, committed) bool) {
	if len(e.offsets) == 0 && len(e.pending) == 0 && len(e.writes) == 0 {
		return
	}
	e.afterWrites(func(err *kerr.Error) {
		if err != nil {
			return
		}
		e.pending.drop(pick) // on disk they are stale, whatever becomes of their transaction
		c.writeTombstones(e, e.offsets.filter(pick), func(*kerr.Error) {})
	})
}

// writeTombstones removes offsets from the disk and then from memory.
func (c *Coordinator) writeTombstones(e *entry, tps []topicPartition, done func(*kerr.Error)) {
	if len(tps) == 0 {
		done(nil)
		return
	}
	c.append(e, tombstones(e.id, tps), func(err *kerr.Error) {
		if err == nil {
			for _, tp := range tps {
				e.offsets.remove(tp)
			}
		}
		done(err)
	})
}

// dropStale removes offsets of topics that do not exist, or not any more under
// the same id.
func (c *Coordinator) dropStale(e *entry) {
	var topics []string
	c.step(e, func(time.Time) { topics = e.offsets.topics() })
	current := c.topicIDs(topics)
	c.step(e, func(time.Time) {
		c.dropOffsets(e, func(tp topicPartition, o committed) bool {
			id, known := current[tp.topic]
			return known && (id == nil || !o.of(*id))
		})
	})
}

// topicIDs looks topics up; a nil id means that there is no such topic.
func (c *Coordinator) topicIDs(names []string) map[string]*[16]byte {
	ids := make(map[string]*[16]byte, len(names))
	for _, name := range names {
		ids[name] = nil
		if id, _, ok := c.cfg.Topics.TopicByName(name); ok {
			ids[name] = &id
		}
	}
	return ids
}

// sweep removes what nobody needs any more: stale and expired offsets, and
// groups without offsets and members.
func (c *Coordinator) sweep() {
	for _, e := range c.entries() {
		c.dropStale(e)
		c.step(e, func(now time.Time) {
			c.repay(e)
			c.expireOffsets(e, now)
		})
	}
}

// expireOffsets removes expired offsets, and the group if nothing is left of it.
func (c *Coordinator) expireOffsets(e *entry, now time.Time) {
	if len(e.writes) > 0 {
		return // a commit under way may renew an offset; the next sweep decides
	}
	pending := e.pending.partitions()
	expired := e.offsets.filter(func(tp topicPartition, o committed) bool {
		return !pending[tp] && c.expired(e.group, tp.topic, o, now)
	})
	if len(expired) == e.offsets.len() && len(pending) == 0 && e.group.Empty() && e.group.Idle() && !e.keeps() {
		c.deleteGroup(e, func(*kerr.Error) {})
		return
	}
	c.writeTombstones(e, expired, func(*kerr.Error) {})
}

// keeps reports whether the group has positions, which do not expire.
func (e *entry) keeps() bool {
	g, ok := e.group.(*share.Group)
	return ok && !g.Bare()
}

// expired applies KIP-211: the retention of a group's offsets begins when it
// becomes empty; that of a topic its consumers do not read, or of a group that
// never had members, with the commit.
// The offsets of a group of the consumer protocol expire by the commit too.
func (c *Coordinator) expired(m machine, topic string, o committed, now time.Time) bool {
	if m.Subscribed(topic) {
		return false
	}
	since := o.at
	if g, ok := m.(*classic.Group); ok {
		switch {
		case g.ProtocolType() == "":
		case g.Empty():
			if !g.Since().IsZero() {
				since = g.Since().UnixMilli()
			}
		case g.State() != classic.Stable || !g.SubscriptionKnown():
			return false
		}
	}
	if o.expires >= 0 {
		return now.UnixMilli() >= o.expires
	}
	return now.UnixMilli()-since >= c.cfg.OffsetsRetention.Milliseconds()
}

// deleteGroup removes an empty group and its offsets, from the disk and then
// from memory. If somebody joins or commits meanwhile, that group begins with
// what comes after the tombstones.
func (c *Coordinator) deleteGroup(e *entry, done func(*kerr.Error)) {
	tps := e.offsets.filter(func(topicPartition, committed) bool { return true })
	records := tombstones(e.id, tps)
	own := c.removal(e)
	records = append(records, own...)
	if len(records) == 0 {
		if e.empty() {
			c.forget(e)
		}
		done(nil)
		return
	}
	c.append(e, records, func(err *kerr.Error) {
		if err != nil {
			e.owe(own)
			done(err)
			return
		}
		for _, tp := range tps {
			e.offsets.remove(tp)
		}
		if e.empty() {
			c.forget(e)
		}
		done(nil)
	})
}

// removal is what removes an empty group, but for its offsets, from the log.
// A consumer or share group goes on as if there never was one.
func (c *Coordinator) removal(e *entry) []record {
	var own []record
	switch g := e.group.(type) {
	case *classic.Group:
		own = e.withoutClassic()
	case *consumer.Group:
		own = recordsOf(g.Remove())
		e.group = c.newClassic(e.id, time.Now())
	case *share.Group:
		own = recordsOf(g.Remove())
		e.group = c.newClassic(e.id, time.Now())
	}
	e.stored = false
	return e.withOwed(own)
}
