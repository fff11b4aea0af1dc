package broker

import (
	"strconv"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/share"
	"github.com/evidentlog/evident/internal/broker/topicconfig"
)

// newQueues makes the keeper of share groups' queues.
func (b *Broker) newQueues() *share.Coordinator {
	b.letters = newDeadLetters(b)
	return share.New(share.Config{
		Store: b.shareStateTopic(), Topics: shareTopics{b.store}, DeadLetters: b.letters,
		Settings: b.groupSettings, Logger: b.cfg.Logger, Sessions: b.cfg.ShareSessions,
	})
}

// shareStateTopic is __share_group_state. Kafka deletes from it what is old; here
// it is compacted, see docs/decisions/0005-share-groups.md.
func (b *Broker) shareStateTopic() stateTopic {
	return stateTopic{b, metadata.Spec{Name: metadata.ShareStateTopic, Partitions: b.cfg.ShareStatePartitions, Configs: map[string]string{
		"cleanup.policy":   "compact",
		"compression.type": "producer",
		"segment.bytes":    strconv.Itoa(100 << 20),
	}}}
}

// shareTopics tells the keeper of queues of topics.
type shareTopics struct{ store *metadata.Store }

// Topic implements [share.Topics].
func (s shareTopics) Topic(id [16]byte) (share.Topic, bool) {
	t := s.store.Snapshot().TopicByID(id)
	if t == nil {
		return share.Topic{}, false
	}
	return share.Topic{
		Name: t.Name, Partitions: t.Partitions,
		ByKey:          t.Configs[topicconfig.QueueOrder] == topicconfig.QueueOrderKey,
		PriorityHeader: t.Configs[topicconfig.QueuePriorityHeader],
	}, true
}
