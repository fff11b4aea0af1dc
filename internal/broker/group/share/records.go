package share

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kbin"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// Kinds of keys, which are what Kafka calls their versions.
const (
	kindMember      int16 = 10 // ShareGroupMemberMetadata
	kindGroup       int16 = 11 // ShareGroupMetadata
	kindTargetEpoch int16 = 12 // ShareGroupTargetAssignmentMetadata
	kindTarget      int16 = 13 // ShareGroupTargetAssignmentMember
	kindCurrent     int16 = 14 // ShareGroupCurrentMemberAssignment
	kindBegun       int16 = 15 // ShareGroupStatePartitionMetadata
)

const (
	valueVersion = 0 // the only version of values there is
	stable       = 0 // the only state of a member
)

func key(kind int16, parts ...string) []byte {
	b := kbin.AppendInt16(nil, kind)
	for _, part := range parts {
		b = kbin.AppendString(b, part)
	}
	return b
}

func memberKey(group, member string) []byte  { return key(kindMember, group, member) }
func groupKey(group string) []byte           { return key(kindGroup, group) }
func targetEpochKey(group string) []byte     { return key(kindTargetEpoch, group) }
func targetKey(group, member string) []byte  { return key(kindTarget, group, member) }
func currentKey(group, member string) []byte { return key(kindCurrent, group, member) }
func begunKey(group string) []byte           { return key(kindBegun, group) }

func tombstone(key []byte) consumer.Record { return consumer.Record{Key: key} }

// value begins a value; what follows is in Kafka's flexible encoding (KIP-482).
func value() []byte { return kbin.AppendInt16(nil, valueVersion) }

func noTags(b []byte) []byte { return kbin.AppendUvarint(b, 0) }

func memberRecord(group string, m *member) consumer.Record {
	var rack *string
	if m.rackID != "" {
		rack = &m.rackID
	}
	b := kbin.AppendCompactNullableString(value(), rack)
	b = kbin.AppendCompactString(b, m.client.ID)
	b = kbin.AppendCompactString(b, m.client.Host)
	b = kbin.AppendCompactArrayLen(b, len(m.wants))
	for _, name := range m.wants {
		b = kbin.AppendCompactString(b, name)
	}
	return consumer.Record{Key: memberKey(group, m.id), Value: noTags(b)}
}

func groupRecord(g *Group) consumer.Record {
	b := kbin.AppendInt32(value(), g.epoch)
	return consumer.Record{Key: groupKey(g.id), Value: noTags(kbin.AppendInt64(b, g.hash))}
}

func targetEpochRecord(g *Group) consumer.Record {
	return consumer.Record{Key: targetEpochKey(g.id), Value: noTags(kbin.AppendInt32(value(), g.targetEpoch))}
}

func targetRecord(group string, m *member) consumer.Record {
	return consumer.Record{Key: targetKey(group, m.id), Value: noTags(appendHolding(value(), m.target))}
}

func currentRecord(group string, m *member) consumer.Record {
	b := kbin.AppendInt32(value(), m.epoch)
	b = kbin.AppendInt32(b, m.previous)
	b = kbin.AppendInt8(b, stable)
	return consumer.Record{Key: currentKey(group, m.id), Value: noTags(appendHolding(b, m.assigned))}
}

// begunRecord lists the topics as initialized; none are being initialized or
// deleted, for both are over before the record is written.
func begunRecord(g *Group) consumer.Record {
	b := kbin.AppendCompactArrayLen(value(), 0)
	b = kbin.AppendCompactArrayLen(b, len(g.begun))
	ids := slices.SortedFunc(maps.Keys(g.begun), func(a, b TopicID) int { return slices.Compare(a[:], b[:]) })
	for _, id := range ids {
		t := g.begun[id]
		b = kbin.AppendUuid(b, id)
		b = kbin.AppendCompactString(b, t.name)
		b = kbin.AppendCompactArrayLen(b, int(t.partitions))
		for n := range t.partitions {
			b = kbin.AppendInt32(b, n)
		}
		b = noTags(b)
	}
	b = kbin.AppendCompactArrayLen(b, 0)
	return consumer.Record{Key: begunKey(g.id), Value: noTags(b)}
}

func appendHolding(b []byte, h holding) []byte {
	b = kbin.AppendCompactArrayLen(b, len(h))
	for _, id := range h.topics() {
		b = kbin.AppendUuid(b, id)
		b = kbin.AppendCompactArrayLen(b, len(h[id]))
		for _, n := range h[id] {
			b = kbin.AppendInt32(b, n)
		}
		b = noTags(b)
	}
	return b
}

// Remove returns what removes the group, which has no members, from the log.
func (g *Group) Remove() []consumer.Record {
	var records []consumer.Record
	if len(g.begun) > 0 {
		records = append(records, tombstone(begunKey(g.id)))
	}
	return append(records, tombstone(targetEpochKey(g.id)), tombstone(groupKey(g.id)))
}
