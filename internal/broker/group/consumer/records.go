package consumer

import (
	"github.com/twmb/franz-go/pkg/kbin"
)

// Record is one record of __consumer_offsets; a nil value is a tombstone.
type Record struct{ Key, Value []byte }

// Kinds of keys, which are what Kafka calls their versions.
const (
	kindGroup        int16 = 3  // ConsumerGroupMetadata
	kindLegacyTopics int16 = 4  // ConsumerGroupPartitionMetadata, until Kafka 4.0
	kindMember       int16 = 5  // ConsumerGroupMemberMetadata
	kindTargetEpoch  int16 = 6  // ConsumerGroupTargetAssignmentMetadata
	kindTarget       int16 = 7  // ConsumerGroupTargetAssignmentMember
	kindCurrent      int16 = 8  // ConsumerGroupCurrentMemberAssignment
	kindRegex        int16 = 16 // ConsumerGroupRegularExpression
)

// valueVersion is the only version of values there is.
const valueVersion = 0

func key(kind int16, parts ...string) []byte {
	b := kbin.AppendInt16(nil, kind)
	for _, part := range parts {
		b = kbin.AppendString(b, part)
	}
	return b
}

func groupKey(group string) []byte                { return key(kindGroup, group) }
func legacyTopicsKey(group string) []byte         { return key(kindLegacyTopics, group) }
func memberKey(group, member string) []byte       { return key(kindMember, group, member) }
func targetEpochKey(group string) []byte          { return key(kindTargetEpoch, group) }
func targetMemberKey(group, member string) []byte { return key(kindTarget, group, member) }
func currentKey(group, member string) []byte      { return key(kindCurrent, group, member) }
func regexKey(group, expr string) []byte          { return key(kindRegex, group, expr) }

func tombstone(key []byte) Record { return Record{Key: key} }

// value begins a value; what follows is in Kafka's flexible encoding (KIP-482).
func value() []byte { return kbin.AppendInt16(nil, valueVersion) }

func noTags(b []byte) []byte { return kbin.AppendUvarint(b, 0) }

// tagged ends a struct with tag 0 as its only one.
func tagged(b, tag0 []byte) []byte {
	b = kbin.AppendUvarint(b, 1)
	b = kbin.AppendUvarint(b, 0)
	b = kbin.AppendUvarint(b, uint32(len(tag0)))
	return append(b, tag0...)
}

func groupRecord(g *Group) Record {
	b := kbin.AppendInt32(value(), g.epoch)
	if g.hash == 0 {
		return Record{groupKey(g.id), noTags(b)}
	}
	return Record{groupKey(g.id), tagged(b, kbin.AppendInt64(nil, g.hash))}
}

func targetEpochRecord(g *Group) Record {
	return Record{targetEpochKey(g.id), noTags(kbin.AppendInt32(value(), g.targetEpoch))}
}

func memberRecord(group string, m *member) Record {
	b := kbin.AppendCompactNullableString(value(), nonEmpty(m.instanceID))
	b = kbin.AppendCompactNullableString(b, nonEmpty(m.rackID))
	b = kbin.AppendCompactString(b, m.client.ID)
	b = kbin.AppendCompactString(b, m.client.Host)
	b = appendStrings(b, m.reads.names)
	b = kbin.AppendCompactNullableString(b, nonEmpty(m.reads.regex))
	b = kbin.AppendInt32(b, int32(m.rebalance.Milliseconds()))
	b = kbin.AppendCompactNullableString(b, nonEmpty(m.assignor))
	return Record{memberKey(group, m.id), tagged(b, appendClassic(nil, m.classic))}
}

// appendClassic is also written when it is null: Kafka reads a record without
// it as that of a classic member.
func appendClassic(b []byte, c *Classic) []byte {
	if c == nil {
		return kbin.AppendUvarint(b, 0)
	}
	b = kbin.AppendUvarint(b, 1)
	b = kbin.AppendInt32(b, int32(c.SessionTimeout.Milliseconds()))
	b = kbin.AppendCompactArrayLen(b, len(c.Protocols))
	for _, p := range c.Protocols {
		b = kbin.AppendCompactString(b, p.Name)
		b = noTags(kbin.AppendCompactBytes(b, p.Metadata))
	}
	return noTags(b)
}

func targetRecord(group string, m *member) Record {
	b := appendTopics(value(), m.target, nil)
	return Record{targetMemberKey(group, m.id), noTags(b)}
}

func currentRecord(group string, m *member) Record {
	b := kbin.AppendInt32(value(), m.epoch)
	b = kbin.AppendInt32(b, m.previous)
	b = kbin.AppendInt8(b, int8(m.state))
	b = appendTopics(b, m.assigned.sorted(), m.assigned)
	b = appendTopics(b, m.revoking.sorted(), m.revoking)
	return Record{currentKey(group, m.id), noTags(b)}
}

func regexRecord(group, expr string, r *regex) Record {
	b := appendStrings(value(), r.topics)
	b = kbin.AppendInt64(b, r.version)
	b = kbin.AppendInt64(b, r.at.UnixMilli())
	return Record{regexKey(group, expr), noTags(b)}
}

func appendStrings(b []byte, ss []string) []byte {
	b = kbin.AppendCompactArrayLen(b, len(ss))
	for _, s := range ss {
		b = kbin.AppendCompactString(b, s)
	}
	return b
}

// appendTopics appends partitions by topic, with the epochs of h if it is not nil.
func appendTopics(b []byte, partitions []Partition, h held) []byte {
	topics := 0
	runs(partitions, func(TopicID, []Partition) { topics++ })
	b = kbin.AppendCompactArrayLen(b, topics)
	runs(partitions, func(topic TopicID, of []Partition) {
		b = kbin.AppendUuid(b, topic)
		b = appendInts(b, numbers(of))
		if h == nil {
			b = noTags(b)
			return
		}
		epochs := make([]int32, len(of))
		for i, p := range of {
			epochs[i] = h[p]
		}
		b = tagged(b, appendInts(nil, epochs))
	})
	return b
}

func appendInts(b []byte, ns []int32) []byte {
	b = kbin.AppendCompactArrayLen(b, len(ns))
	for _, n := range ns {
		b = kbin.AppendInt32(b, n)
	}
	return b
}
