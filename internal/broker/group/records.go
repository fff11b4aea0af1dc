package group

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Versions of the keys and values that are written, the same as Kafka 4.1
// does. All versions are read.
const (
	offsetKeyVersion       = 1
	offsetValueWithExpiry  = 1 // the only version with a time of expiry of its own
	offsetValueWithEpoch   = 3
	offsetValueWithTopicID = 4
	groupKeyVersion        = 2
	groupValueMax          = 4 // the highest that is read; classic chooses what is written
)

// topicPartition names what an offset was committed for.
type topicPartition struct {
	topic     string
	partition int32
}

// record is one record of __consumer_offsets; a nil value is a tombstone.
type record struct{ key, value []byte }

func offsetRecord(group string, tp topicPartition, o committed) record {
	v := kmsg.NewOffsetCommitValue()
	switch {
	case o.expires >= 0:
		v.Version = offsetValueWithExpiry
	case o.topicID == [16]byte{}:
		v.Version = offsetValueWithEpoch
	default:
		v.Version = offsetValueWithTopicID
	}
	v.Offset, v.LeaderEpoch, v.Metadata = o.offset, o.leaderEpoch, o.metadata
	v.CommitTimestamp, v.ExpireTimestamp, v.TopicID = o.at, o.expires, o.topicID
	return record{offsetKey(group, tp), v.AppendTo(nil)}
}

func tombstones(group string, tps []topicPartition) []record {
	records := make([]record, len(tps))
	for i, tp := range tps {
		records[i] = record{key: offsetKey(group, tp)}
	}
	return records
}

func groupRecord(group string, v *kmsg.GroupMetadataValue) record {
	return record{groupKey(group), v.AppendTo(nil)}
}

func groupTombstone(group string) record { return record{key: groupKey(group)} }

func offsetKey(group string, tp topicPartition) []byte {
	k := kmsg.NewOffsetCommitKey()
	k.Version, k.Group, k.Topic, k.Partition = offsetKeyVersion, group, tp.topic, tp.partition
	return k.AppendTo(nil)
}

func groupKey(group string) []byte {
	k := kmsg.NewGroupMetadataKey()
	k.Version, k.Group = groupKeyVersion, group
	return k.AppendTo(nil)
}
