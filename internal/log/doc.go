// Package log keeps the partitions of one node on one disk: appends, reads,
// retention, compaction, recovery.
//
// It knows record batches and files and nothing of clients, topics' metadata or
// the network. A partition is a folder of segments in Kafka's file format
// (docs/format/log.md); small appends to many partitions share a commit journal
// (docs/format/journal.md). docs/decisions/0001-commit-path.md tells why an
// append goes the way it goes.
//
// # What is promised
//
// An append that was reported durable survives a power cut, and what a reader
// can see (below the high watermark) is durable. After a failed write or sync a
// partition stops, recovers from disk what it had acknowledged, and only then
// goes on. Damage in the middle of a partition is an error, never skipped.
//
// # What is assumed
//
// fdatasync that returned nil has made the file's bytes durable. A block that
// is being rewritten when the power fails keeps its old or its new bytes, sector
// by sector; the log rewrites only blocks whose acknowledged bytes stay the same.
// The clock may jump: it decides on retention and rolling, never on order.
package log
