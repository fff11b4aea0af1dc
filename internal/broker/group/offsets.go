package group

import (
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// committed is a committed offset that is durable.
type committed struct {
	offset      int64
	leaderEpoch int32 // of the record before offset (KIP-320); -1: unknown
	metadata    string
	at          int64 // when it was committed, in ms since the epoch
	expires     int64 // when it expires, in ms since the epoch; -1: by the retention of all
	topicID     [16]byte
	order       int64 // rises with each commit of the group; those in transactions become visible later
}

func committedFrom(v *kmsg.OffsetCommitValue) committed {
	return committed{
		offset:      v.Offset,
		leaderEpoch: v.LeaderEpoch,
		metadata:    strings.Clone(v.Metadata),
		at:          v.CommitTimestamp,
		expires:     v.ExpireTimestamp,
		topicID:     v.TopicID,
	}
}

// of reports whether the offset was committed for the topic with this id, or
// may have been: offsets of before topics had ids say nothing. A topic made anew
// under an old name does not inherit offsets.
func (c committed) of(topicID [16]byte) bool {
	return c.topicID == [16]byte{} || c.topicID == topicID
}

// offsetTable holds the offsets of a group by topic and partition. A topic
// without offsets has no entry.
type offsetTable map[string]map[int32]committed

func (t *offsetTable) set(tp topicPartition, c committed) {
	if *t == nil {
		*t = offsetTable{}
	}
	partitions := (*t)[tp.topic]
	if partitions == nil {
		partitions = map[int32]committed{}
		(*t)[strings.Clone(tp.topic)] = partitions
	}
	partitions[tp.partition] = c
}

func (t offsetTable) get(tp topicPartition) (committed, bool) {
	c, ok := t[tp.topic][tp.partition]
	return c, ok
}

func (t offsetTable) remove(tp topicPartition) {
	partitions := t[tp.topic]
	delete(partitions, tp.partition)
	if len(partitions) == 0 {
		delete(t, tp.topic)
	}
}

// topics returns the names in order.
func (t offsetTable) topics() []string { return slices.Sorted(maps.Keys(t)) }

// partitions returns the numbers in order.
func (t offsetTable) partitions(topic string) []int32 {
	return slices.Sorted(maps.Keys(t[topic]))
}

// filter returns, in order, those for which pick holds.
func (t offsetTable) filter(pick func(topicPartition, committed) bool) []topicPartition {
	var picked []topicPartition
	for _, topic := range t.topics() {
		for _, p := range t.partitions(topic) {
			if tp := (topicPartition{topic, p}); pick(tp, t[topic][p]) {
				picked = append(picked, tp)
			}
		}
	}
	return picked
}

func (t offsetTable) len() int {
	n := 0
	for _, partitions := range t {
		n += len(partitions)
	}
	return n
}

func (t offsetTable) clone() offsetTable {
	c := make(offsetTable, len(t))
	for topic, partitions := range t {
		c[topic] = maps.Clone(partitions)
	}
	return c
}
