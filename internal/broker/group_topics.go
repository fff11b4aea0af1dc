package broker

import (
	"iter"
	"strconv"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/metadata"
)

// offsetsTopic is __consumer_offsets for the group coordinator.
func (b *Broker) offsetsTopic() stateTopic {
	return stateTopic{b, metadata.Spec{Name: metadata.OffsetsTopic, Partitions: b.cfg.OffsetsPartitions, Configs: map[string]string{
		"cleanup.policy":   "compact",
		"compression.type": "producer",
		"segment.bytes":    strconv.Itoa(100 << 20),
	}}}
}

// groupTopics tells the coordinator of topics.
type groupTopics struct{ store *metadata.Store }

// Image implements [group.Topics].
func (g groupTopics) Image() consumer.Topics { return topicImage{g.store.Snapshot()} }

// topicImage is all topics at one moment for groups that the node assigns
// partitions to.
type topicImage struct{ *metadata.Snapshot }

// ByName implements [consumer.Topics].
func (i topicImage) ByName(name string) (id [16]byte, partitions int32, ok bool) {
	if t := i.Topic(name); t != nil {
		return t.ID, int32(len(t.Partitions)), true
	}
	return id, 0, false
}

// ByID implements [consumer.Topics].
func (i topicImage) ByID(id [16]byte) (name string, ok bool) {
	if t := i.TopicByID(id); t != nil {
		return t.Name, true
	}
	return "", false
}

// Names implements [consumer.Topics].
func (i topicImage) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for t := range i.All() {
			if !yield(t.Name) {
				return
			}
		}
	}
}

// TopicByName implements [group.Topics].
func (g groupTopics) TopicByName(name string) (id [16]byte, partitions int32, ok bool) {
	t := g.store.Snapshot().Topic(name)
	if t == nil {
		return id, 0, false
	}
	return t.ID, int32(len(t.Partitions)), true
}

// TopicByID implements [group.Topics].
func (g groupTopics) TopicByID(id [16]byte) (name string, partitions int32, ok bool) {
	t := g.store.Snapshot().TopicByID(id)
	if t == nil {
		return "", 0, false
	}
	return t.Name, int32(len(t.Partitions)), true
}
