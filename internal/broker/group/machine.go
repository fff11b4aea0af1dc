package group

import (
	"iter"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/group/classic"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/group/share"
)

// machine is a group's state machine: a [classic.Group], a [consumer.Group] or a [share.Group].
// This is what they have in common; for the rest, one looks which it is.
type machine interface {
	// Empty reports whether the group has no members.
	Empty() bool
	// Idle reports whether nobody is, or is about to become, a member.
	Idle() bool
	// Wake returns when the machine's Expire should be called; zero: never.
	Wake() time.Time
	// Subscribed reports whether the members read the topic.
	Subscribed(topic string) bool
}

// Types of groups, as ListGroups spells them (KIP-848).
const (
	classicType  = "classic"
	consumerType = "consumer"
	shareType    = "share"
)

// env is what a consumer group may know of the world.
func (c *Coordinator) env(group string, now time.Time) consumer.Env {
	settings := c.cfg.Settings(group)
	return consumer.Env{
		Now:               now,
		Topics:            c.cfg.Topics.Image(),
		SessionTimeout:    settings.ConsumerSession,
		HeartbeatInterval: settings.ConsumerHeartbeat,
		Matches:           consumer.Matches{},
	}
}

// perform does what a step of a classic group asks for.
func (c *Coordinator) perform(e *entry, fx classic.Effects) {
	e.answer(fx)
	g := e.group
	for _, w := range fx.Writes {
		e.stored = true
		c.keep(e, []record{groupRecord(e.id, w.Value)}, func(err *kerr.Error) {
			if g, ok := g.(*classic.Group); ok && e.group == machine(g) { // else it has become another
				c.perform(e, g.Persisted(time.Now(), w, err))
			}
		})
	}
}

// performConsumer does what a step of a consumer group asks for, after the
// given records, and calls done, with the lock held, when all is durable that the
// answer to the step depends on.
func (c *Coordinator) performConsumer(e *entry, now time.Time, before []record, fx consumer.Effects, done func(*kerr.Error)) {
	records := append(before, recordsOf(fx.Records)...)
	if fx.Downgrade != nil {
		e.group = c.downgraded(now, fx.Downgrade)
		records = append(records, groupRecord(e.id, fx.Downgrade.Value))
	}
	if len(records) == 0 && len(e.owed) == 0 {
		e.afterWrites(done)
		return
	}
	e.stored = true
	c.keep(e, records, done)
	if d := fx.Downgrade; d != nil && d.Rebalance {
		c.perform(e, e.group.(*classic.Group).Rebalance(now))
	}
}

func recordsOf(rs []consumer.Record) []record {
	records := make([]record, len(rs))
	for i, r := range rs {
		records[i] = record{r.Key, r.Value}
	}
	return records
}

// expireGroup applies the group's deadlines that have come.
func (c *Coordinator) expireGroup(e *entry, now time.Time) {
	switch g := e.group.(type) {
	case *classic.Group:
		c.perform(e, g.Expire(now))
	case *consumer.Group:
		c.performConsumer(e, now, nil, g.Expire(c.env(e.id, now)), func(*kerr.Error) {})
	case *share.Group:
		c.performShare(e, g.Expire(c.shareEnv(e.id, now, c.cfg.Topics.Image())), func(*kerr.Error) {})
	}
}

// committer is who wants to commit offsets.
type committer struct {
	memberID      string
	instanceID    *string
	epoch         int32 // or generation; negative: not a member
	version       int16 // of OffsetCommit
	transactional bool  // with TxnOffsetCommit
}

// mayCommit checks whether who may commit offsets of the partitions, and notes
// the sign of life of a classic member.
func (e *entry) mayCommit(now time.Time, who committer, partitions iter.Seq[consumer.Partition]) *kerr.Error {
	switch g := e.group.(type) {
	case *classic.Group:
		return g.Commit(now, classic.Committer{
			MemberID: who.memberID, InstanceID: who.instanceID, Generation: who.epoch, Transactional: who.transactional,
		})
	case *consumer.Group:
		return g.Commit(consumer.Committer{
			MemberID: who.memberID, Epoch: who.epoch, Version: who.version, Transactional: who.transactional,
		}, partitions)
	}
	return kerr.GroupIDNotFound // a share group has no offsets
}

// mayFetch checks whether who may fetch offsets (from version 9 of OffsetFetch on).
func (e *entry) mayFetch(memberID *string, epoch int32) *kerr.Error {
	switch g := e.group.(type) {
	case *consumer.Group:
		return g.Fetch(consumer.Committer{MemberID: orEmpty(memberID), Epoch: epoch})
	case *share.Group:
		return kerr.GroupIDNotFound
	}
	return nil
}

// partitionsOf are the partitions that a commit is about.
func partitionsOf(items []commitItem) iter.Seq[consumer.Partition] {
	return func(yield func(consumer.Partition) bool) {
		for _, item := range items {
			if !yield(consumer.Partition{Topic: item.value.topicID, Number: item.tp.partition}) {
				return
			}
		}
	}
}
