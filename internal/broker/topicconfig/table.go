package topicconfig

import (
	"math"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log"
)

const (
	boolType   = kmsg.ConfigTypeBoolean
	intType    = kmsg.ConfigTypeInt
	longType   = kmsg.ConfigTypeLong
	doubleType = kmsg.ConfigTypeDouble
	stringType = kmsg.ConfigTypeString
	listType   = kmsg.ConfigTypeList

	noEffect  = " Kept, without effect: a partition has one replica here."
	noTiering = " Kept, without effect: there is no tiered storage."
	asIs      = " Kept, without effect: batches are stored as their producer compressed them."
)

var forever = strconv.FormatInt(math.MaxInt64, 10)

// definitions is sorted by name. It is never written to.
var definitions = []Definition{
	{"cleanup.policy", "log.cleanup.policy", listType, "delete",
		"What happens to old records: delete removes segments by retention.ms and retention.bytes, compact keeps the last record of each key. Both may be given; with none all records are kept (KIP-1161).",
		noneBut("compact", "delete"), func(s *log.Settings, v value) {
			s.Compact, s.Delete = slices.Contains(v.list, "compact"), slices.Contains(v.list, "delete")
		}},
	{"compression.gzip.level", "compression.gzip.level", intType, "-1", "Level for compression.type gzip, 1 to 9, or -1." + asIs, gzipLevel, nil},
	{"compression.lz4.level", "compression.lz4.level", intType, "9", "Level for compression.type lz4." + asIs, within(1, 17), nil},
	{"compression.type", "compression.type", stringType, "producer",
		"Final compression of the topic's batches." + asIs,
		oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"), nil},
	{"compression.zstd.level", "compression.zstd.level", intType, "3", "Level for compression.type zstd." + asIs, within(-131072, 22), nil},
	{"delete.retention.ms", "log.cleaner.delete.retention.ms", longType, "86400000",
		"How long a compacted topic keeps tombstones after compaction first passed over them.",
		atLeast(0), func(s *log.Settings, v value) { s.DeleteRetention = v.duration() }},
	{DeadLetters, DeadLetters, boolType, "false",
		"Whether share groups may use the topic for dead letters.", nil, nil},
	{Ledger, Ledger, stringType, "on",
		"Whether records get a leaf in the ledger, and so can be proven: on or off. A ledger that was turned off for a topic begins another tree when it is on again.",
		oneOf("on", LedgerOff), nil},
	{LedgerMaxLag, LedgerMaxLag, longType, "268435456",
		"How many bytes of a partition's records may wait for the ledger. From half of that on producers are made to wait, and refused beyond it until the ledger has caught up.",
		atLeast(1 << 20), nil},
	{QueueOrder, QueueOrder, stringType, "none",
		"In which order share groups get the topic's records: none, or key: those of one key one after the other, each when the one before is finished. Order is within a partition.",
		oneOf("none", QueueOrderKey), nil},
	{QueuePriorityHeader, QueuePriorityHeader, stringType, "",
		"The header with a record's priority, a whole number: share groups get records with a greater one first, among those that lie less than share.partition.max.record.locks from the first unfinished one. Without it a record has 0. Empty: records have no priority.",
		nil, nil},
	{"file.delete.delay.ms", "log.segment.delete.delay.ms", longType, "60000",
		"How long the file of a removed segment stays on disk. Kept, without effect: it goes at once, and who is reading it can finish.",
		atLeast(0), nil},
	{"flush.messages", "log.flush.interval.messages", longType, "1",
		"After how many records the log is synced to disk. With 1, acks=all means synced. Readers never see what is not synced, whatever this says.",
		atLeast(1), func(s *log.Settings, v value) { s.FlushMessages = v.integer }},
	{"flush.ms", "log.flush.interval.ms", longType, "1000",
		"After how long a record is synced to disk at the latest, where flush.messages allows waiting.",
		atLeast(0), func(s *log.Settings, v value) { s.FlushInterval = v.duration() }},
	{"follower.replication.throttled.replicas", "follower.replication.throttled.replicas", listType, "",
		"Replicas whose replication is throttled on the follower's side." + noEffect, throttledReplicas, nil},
	{"index.interval.bytes", "log.index.interval.bytes", intType, "4096",
		"About how many bytes of records lie between two entries of the offset index.",
		atLeast(0), func(s *log.Settings, v value) { s.IndexIntervalBytes = v.integer }},
	{"leader.replication.throttled.replicas", "leader.replication.throttled.replicas", listType, "",
		"Replicas whose replication is throttled on the leader's side." + noEffect, throttledReplicas, nil},
	{"local.retention.bytes", "log.local.retention.bytes", longType, "-2", "Bytes kept on local disk." + noTiering, atLeast(-2), nil},
	{"local.retention.ms", "log.local.retention.ms", longType, "-2", "Time kept on local disk." + noTiering, atLeast(-2), nil},
	{"max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms", longType, forever,
		"How long a record of a compacted topic may stay uncompacted at most.",
		atLeast(1), func(s *log.Settings, v value) { s.MaxCompactionLag = v.duration() }},
	{"max.decompressed.message.bytes", "max.decompressed.message.bytes", intType, "2147483639",
		"The largest record batch that is accepted, in bytes, before compression. Kept, without effect: records are read one at a time.", atLeast(0), nil},
	{"max.message.bytes", "message.max.bytes", intType, "1048588",
		"The largest record batch that is accepted, in bytes, after compression.",
		atLeast(0), func(s *log.Settings, v value) { s.MaxMessageBytes = int(v.integer) }},
	{"message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms", longType, "3600000",
		"How far ahead of this node's clock a record's timestamp may be. Ignored with LogAppendTime.",
		atLeast(0), func(s *log.Settings, v value) { s.TimestampAfter = v.duration() }},
	{"message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms", longType, forever,
		"How far behind this node's clock a record's timestamp may be. Ignored with LogAppendTime.",
		atLeast(0), func(s *log.Settings, v value) { s.TimestampBefore = v.duration() }},
	{"message.timestamp.type", "log.message.timestamp.type", stringType, "CreateTime",
		"Whose clock stamps a record: the producer's (CreateTime) or this node's (LogAppendTime).",
		oneOf("CreateTime", "LogAppendTime"), func(s *log.Settings, v value) { s.LogAppendTime = v.text == "LogAppendTime" }},
	{"min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio", doubleType, "0.5",
		"Share of a compacted topic's bytes that must be uncompacted before compaction starts.",
		fraction, func(s *log.Settings, v value) { s.MinCleanableRatio = v.real }},
	{"min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms", longType, "0",
		"How long a record of a compacted topic stays uncompacted at least.",
		atLeast(0), func(s *log.Settings, v value) { s.MinCompactionLag = v.duration() }},
	{"min.insync.replicas", "min.insync.replicas", intType, "1",
		"How many replicas must have a record before acks=all is answered." + noEffect, atLeast(1), nil},
	{"preallocate", "log.preallocate", boolType, "false",
		"Whether segment files are allocated in full when they are created. Kept, without effect: the log allocates ahead as the write rate asks.", nil, nil},
	{"remote.copy.lag.bytes", "remote.copy.lag.bytes", longType, "-1", "Bytes that may wait to be copied to tiered storage." + noTiering, atLeast(-2), nil},
	{"remote.copy.lag.ms", "remote.copy.lag.ms", longType, "0", "Time for which records may wait to be copied to tiered storage." + noTiering, atLeast(-2), nil},
	{"remote.log.copy.disable", "remote.log.copy.disable", boolType, "false", "Stops copying to tiered storage." + noTiering, nil, nil},
	{"remote.log.delete.on.disable", "remote.log.delete.on.disable", boolType, "false", "Deletes tiered records when tiering is switched off." + noTiering, nil, nil},
	{"remote.storage.enable", "remote.storage.enable", boolType, "false", "Switches tiered storage on. Only false is allowed: there is none.", mustBeFalse, nil},
	{"retention.bytes", "log.retention.bytes", longType, "-1",
		"How large a partition may grow before its oldest segments are deleted; -1: without limit. Applies with cleanup.policy delete.",
		atLeast(-1), func(s *log.Settings, v value) { s.RetentionBytes = v.integer }},
	{"retention.ms", "log.retention.ms", longType, "604800000",
		"How old a segment may grow before it is deleted; -1: without limit. Applies with cleanup.policy delete.",
		atLeast(-1), func(s *log.Settings, v value) { s.RetentionAge = v.duration() }},
	{"segment.bytes", "log.segment.bytes", intType, "1073741824",
		"How large a segment file may grow.",
		atLeast(14), func(s *log.Settings, v value) { s.SegmentBytes = v.integer }},
	{"segment.index.bytes", "log.index.size.max.bytes", intType, "10485760",
		"How large a segment's index may grow. Kept, without effect: indexes grow as needed.", atLeast(4), nil},
	{"segment.jitter.ms", "log.roll.jitter.ms", longType, "0",
		"Random time taken off segment.ms so that not all partitions roll at once. Kept, without effect.", atLeast(0), nil},
	{"segment.ms", "log.roll.ms", longType, "604800000",
		"How old a segment may grow before a new one is begun, even if it is not full.",
		atLeast(1), func(s *log.Settings, v value) { s.SegmentAge = v.duration() }},
	{"unclean.leader.election.enable", "unclean.leader.election.enable", boolType, "false",
		"Whether a replica that has not all records may become leader." + noEffect, nil, nil},
}

func gzipLevel(v value) error {
	if v.integer == -1 {
		return nil
	}
	return within(1, 9)(v)
}
