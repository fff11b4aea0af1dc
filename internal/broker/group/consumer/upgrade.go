package consumer

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ClassicGroup is what a classic group leaves to the consumer group that it becomes.
type ClassicGroup struct {
	Generation int32
	Protocol   string // that all members support; "": none is selected
	Members    []ClassicMember
}

// ClassicMember is a member of it.
type ClassicMember struct {
	ID         string
	InstanceID *string
	Client     Client
	Rebalance  time.Duration
	Classic    Classic
	Assignment []byte // of the consumer protocol; empty: none yet
}

// Upgrade makes a consumer group of a classic group of consumers. The members
// keep what they have until the next step. The error is a [Refusal] with
// GROUP_ID_NOT_FOUND, as Kafka answers then.
func Upgrade(cfg *Config, id string, env Env, from ClassicGroup) (*Group, Effects, error) {
	if len(from.Members) > cfg.MaxSize {
		return nil, Effects{}, refuse(kerr.GroupIDNotFound,
			"Cannot upgrade classic group %s to consumer group because the group size exceeds the consumer group maximum size.", id)
	}
	g := New(cfg, id)
	g.begin(env)
	g.epoch, g.targetEpoch = from.Generation, from.Generation
	for i := range from.Members {
		if err := g.upgrade(&from.Members[i], from); err != nil {
			return nil, Effects{}, refuse(kerr.GroupIDNotFound, "Cannot upgrade classic group %s to consumer group because %v.", id, err)
		}
	}
	g.hash = g.hashTopics()
	g.putAll()
	return g, g.end(), nil
}

// Why a classic group cannot be upgraded.
var (
	errMalformed = errors.New("the embedded consumer protocol is malformed")
	errUserData  = errors.New("an unsupported custom assignor is in use. Please refer to the documentation or switch to a default assignor before re-attempting the upgrade")
)

func (g *Group) upgrade(from *ClassicMember, group ClassicGroup) error {
	if len(from.Classic.Protocols) == 0 {
		return errMalformed
	}
	metadata := from.Classic.Protocols[0].Metadata
	for _, p := range from.Classic.Protocols {
		if p.Name == group.Protocol {
			metadata = p.Metadata
		}
	}
	sub := kmsg.NewConsumerMemberMetadata()
	if err := sub.ReadFrom(metadata); err != nil {
		return errMalformed
	}
	assignment := kmsg.NewConsumerMemberAssignment()
	if len(from.Assignment) > 0 {
		if err := assignment.ReadFrom(from.Assignment); err != nil {
			return errMalformed
		}
		if len(assignment.UserData) > 0 {
			return errUserData
		}
	}
	m := &member{
		id: from.ID, instanceID: orEmpty(from.InstanceID), rackID: orEmpty(sub.Rack), client: from.Client,
		rebalance: from.Rebalance, classic: &from.Classic, reads: g.subscriptions.get(normalized(sub.Topics), ""),
	}
	g.add(m)
	has := g.ownedBefore(&assignment, group.Generation)
	g.advance(m, progress{epoch: group.Generation, previous: group.Generation, assigned: has})
	m.target = has.sorted()
	g.hear(m)
	return nil
}

// ownedBefore is what a classic leader assigned. What it assigned to two
// members, the first keeps.
func (g *Group) ownedBefore(a *kmsg.ConsumerMemberAssignment, generation int32) held {
	has := held{}
	for _, t := range a.Topics {
		id, _, ok := g.env.Topics.ByName(t.Topic)
		if !ok {
			continue
		}
		for _, n := range t.Partitions {
			if p := (Partition{Topic: id, Number: n}); g.owners[p] == nil {
				has[p] = generation
			}
		}
	}
	return has
}

// putAll writes the whole group.
func (g *Group) putAll() {
	for _, m := range g.order {
		g.put(memberRecord(g.id, m))
	}
	g.putEpoch()
	for _, m := range g.order {
		g.put(targetRecord(g.id, m))
	}
	g.put(targetEpochRecord(g))
	for _, m := range g.order {
		g.put(currentRecord(g.id, m))
	}
}

// Remove returns the tombstones of everything there is of the group in the
// log. It is not to be used any more.
func (g *Group) Remove() []Record {
	g.putRemoval()
	return g.end().Records
}

// putRemoval is the reverse of putAll.
func (g *Group) putRemoval() {
	for _, m := range g.order {
		g.put(tombstone(currentKey(g.id, m.id)))
	}
	for _, m := range g.order {
		g.put(tombstone(targetMemberKey(g.id, m.id)))
	}
	g.put(tombstone(targetEpochKey(g.id)))
	for _, m := range g.order {
		g.put(tombstone(memberKey(g.id, m.id)))
	}
	for expr := range g.regexes {
		g.put(tombstone(regexKey(g.id, expr)))
	}
	if g.legacyTopics {
		g.put(tombstone(legacyTopicsKey(g.id)))
	}
	g.put(tombstone(groupKey(g.id)))
}
