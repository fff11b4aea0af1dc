package groupconfig

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	boolType   = kmsg.ConfigTypeBoolean
	intType    = kmsg.ConfigTypeInt
	stringType = kmsg.ConfigTypeString

	atOnce = " Kept, without effect: assignments are computed at once, in far less than a millisecond."
)

// definitions is sorted by name. It is never written to. Defaults and limits
// are Kafka's.
var definitions = []Definition{
	{"consumer.assignment.interval.ms", "group.consumer.assignment.interval.ms", intType, "1000",
		"How long lies between two computations of a consumer group's assignment." + atOnce,
		integer(0, 15_000, func(*Settings, int) {})},
	{"consumer.assignor.offload.enable", "group.consumer.assignor.offload.enable", boolType, "true",
		"Whether a consumer group's assignment is computed in the background." + atOnce,
		boolean(func(*Settings, bool) {})},
	{"consumer.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms", intType, "5000",
		"How often a member of a consumer group is to send a heartbeat.",
		millis(5_000, 15_000, func(s *Settings, d time.Duration) { s.ConsumerHeartbeat = d })},
	{"consumer.session.timeout.ms", "group.consumer.session.timeout.ms", intType, "45000",
		"How long a member of a consumer group may be silent before it is put out of the group.",
		millis(45_000, 60_000, func(s *Settings, d time.Duration) { s.ConsumerSession = d })},
	{"errors.deadletterqueue.copy.record.enable", "", boolType, "false",
		"Whether key and value of a record that a share group gives up are copied to its dead-letter topic. Without, the dead letter's headers only say where the record is.",
		boolean(func(s *Settings, b bool) { s.DeadLetterCopy = b })},
	{"errors.deadletterqueue.topic.name", "", stringType, "",
		"The topic that gets a dead letter for each record that a share group gives up: because a member rejected it, or its delivery count ran out. Empty: none is written.",
		text(validTopic, func(s *Settings, t string) { s.DeadLetterTopic = t })},
	{"share.assignment.interval.ms", "group.share.assignment.interval.ms", intType, "1000",
		"How long lies between two computations of a share group's assignment." + atOnce,
		integer(0, 15_000, func(*Settings, int) {})},
	{"share.assignor.offload.enable", "group.share.assignor.offload.enable", boolType, "true",
		"Whether a share group's assignment is computed in the background." + atOnce,
		boolean(func(*Settings, bool) {})},
	{"share.auto.offset.reset", "", stringType, "latest",
		"Where a share group begins in a partition: latest, earliest, or by_duration:<ISO 8601 duration>, such as by_duration:PT1H.",
		func(s *Settings, t string) (err error) { s.Start, err = parseReset(t); return err }},
	{"share.delivery.count.limit", "group.share.delivery.count.limit", intType, "5",
		"How often a record is delivered to a share group before it is given up.",
		integer(2, 10, func(s *Settings, n int) { s.DeliveryLimit = n })},
	{"share.heartbeat.interval.ms", "group.share.heartbeat.interval.ms", intType, "5000",
		"How often a member of a share group is to send a heartbeat.",
		millis(5_000, 15_000, func(s *Settings, d time.Duration) { s.ShareHeartbeat = d })},
	{"share.isolation.level", "", stringType, "read_uncommitted",
		"Whether a share group gets all records (read_uncommitted), or of transactions only those of committed ones (read_committed).",
		text(isolation, func(s *Settings, t string) { s.ReadCommitted = t == readCommitted })},
	{"share.partition.max.record.locks", "group.share.partition.max.record.locks", intType, "2000",
		"How many records of a partition lie at most between a share group's first unfinished record and the last that it was given. It may be exceeded to the end of a record batch.",
		integer(100, 4_000, func(s *Settings, n int) { s.RecordLocks = n })},
	{"share.record.lock.duration.ms", "group.share.record.lock.duration.ms", intType, "30000",
		"How long a member of a share group may work on a record before it is delivered to another.",
		millis(15_000, 60_000, func(s *Settings, d time.Duration) { s.RecordLock = d })},
	{"share.renew.acknowledge.enable", "", boolType, "true",
		"Whether members of a share group may renew their locks on records.",
		boolean(func(s *Settings, b bool) { s.Renew = b })},
	{"share.session.timeout.ms", "group.share.session.timeout.ms", intType, "45000",
		"How long a member of a share group may be silent before it is put out of the group.",
		millis(45_000, 60_000, func(s *Settings, d time.Duration) { s.ShareSession = d })},
}
