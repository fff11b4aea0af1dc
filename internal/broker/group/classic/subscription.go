package classic

import (
	"github.com/twmb/franz-go/pkg/kbin"
)

// subscriptions are the topics that the members of a generation read.
type subscriptions struct {
	known  bool // false: not consumers, or not readable
	topics map[string]struct{}
}

// Subscribed reports whether the members read the topic. Of consumers whose
// metadata cannot be read, it is assumed that they do.
func (g *Group) Subscribed(topic string) bool {
	if !g.topics.known {
		return g.protocolType == ConsumerProtocol
	}
	_, ok := g.topics.topics[topic]
	return ok
}

// SubscriptionKnown reports whether Subscribed knows, rather than assumes.
func (g *Group) SubscriptionKnown() bool { return g.topics.known }

func (g *Group) subscribed() subscriptions {
	if g.protocolType != ConsumerProtocol {
		return subscriptions{}
	}
	s := subscriptions{known: true, topics: map[string]struct{}{}}
	for _, m := range g.order {
		topics, ok := subscribedTopics(m.metadata(g.protocol))
		if !ok {
			return subscriptions{}
		}
		for _, t := range topics {
			s.topics[t] = struct{}{}
		}
	}
	return s
}

// subscribedTopics reads the topics from the metadata of the consumer
// protocol. All versions of it begin like version 0, so that new ones can be
// read: version int16, topics []string.
func subscribedTopics(metadata []byte) ([]string, bool) {
	b := kbin.Reader{Src: metadata}
	b.Int16()
	n := b.ArrayLen()
	var topics []string
	for range n {
		if !b.Ok() {
			break
		}
		topics = append(topics, b.String())
	}
	return topics, b.Ok()
}
