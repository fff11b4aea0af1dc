package share

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// Beginnings returns what the group is to begin with before it is stepped with
// the heartbeat: partitions of topics that its members want, or the sender of the
// heartbeat, with which it has not begun.
func (g *Group) Beginnings(topics consumer.Topics, req *kmsg.ShareGroupHeartbeatRequest) []Beginning {
	if req.MemberEpoch < 0 || req.SubscribedTopicNames == nil && g.version == topics.Version() {
		return nil
	}
	var list []Beginning
	seen := make(map[TopicID]bool)
	for _, names := range [][]string{g.wanted(), req.SubscribedTopicNames} {
		for _, name := range names {
			id, partitions, ok := topics.ByName(name)
			have := g.begun[id]
			if ok && !seen[id] && have.partitions < partitions {
				seen[id] = true
				list = append(list, Beginning{id, have.partitions, partitions - have.partitions, have.partitions > 0})
			}
		}
	}
	return list
}

// Begun notes that the group has begun with the partitions.
func (g *Group) Begun(env Env, list []Beginning) Effects {
	g.begin(env)
	n := 0
	for _, b := range list {
		name, ok := g.env.Topics.ByID(b.Topic)
		if have := g.begun[b.Topic]; ok && have.partitions < b.First+b.Count {
			g.begun[b.Topic] = begun{strings.Clone(name), b.First + b.Count}
			n++
		}
	}
	if n > 0 {
		g.stale = true
		g.put(begunRecord(g))
	}
	return g.end()
}

// Has returns how many partitions of the topic the group has begun with.
func (g *Group) Has(topic TopicID) int32 { return g.begun[topic].partitions }

// Topics returns the topics that the group has begun with, and with how many
// partitions of each.
func (g *Group) Topics() map[TopicID]int32 {
	all := make(map[TopicID]int32, len(g.begun))
	for id, b := range g.begun {
		all[id] = b.partitions
	}
	return all
}

// Forget notes that the group has nothing of the topics any more.
func (g *Group) Forget(env Env, topics []TopicID) Effects {
	g.begin(env)
	n := len(g.begun)
	for _, id := range topics {
		delete(g.begun, id)
	}
	if len(g.begun) < n {
		g.stale = true
		g.put(begunRecord(g))
	}
	return g.end()
}
