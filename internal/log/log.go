package log

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/vfs"
)

// Config configures a [Log]. FS and Dir are required.
type Config struct {
	// FS holds Dir.
	FS vfs.FS
	// Dir is the folder that the log owns. It is created if missing and
	// guarded by a lock for as long as the log is open.
	Dir string
	// Logger receives what an operator should know. Default: discard.
	Logger *slog.Logger
	// Metrics receives the log's collectors. Default: none.
	Metrics prometheus.Registerer
	// Now is the clock for retention, rolling and LogAppendTime. Default: time.Now.
	Now func() time.Time
	// RetentionInterval is how often retention is applied
	// (Kafka: log.retention.check.interval.ms). Default: 5 minutes.
	RetentionInterval time.Duration
	// CompactionInterval is how often partitions are looked at for compaction
	// (Kafka: log.cleaner.backoff.ms). Default: 15 s.
	CompactionInterval time.Duration
}

// ID names a partition. TopicID tells apart topics that had the same name at
// different times (KIP-516).
type ID struct {
	Topic     string
	TopicID   [16]byte
	Partition int32
}

// Settings are the topic settings that the log obeys. Each comment names the
// Kafka topic property. Use [DefaultSettings] for Kafka's defaults.
type Settings struct {
	SegmentBytes       int64         // segment.bytes
	SegmentAge         time.Duration // segment.ms
	RetentionBytes     int64         // retention.bytes; negative: no limit
	RetentionAge       time.Duration // retention.ms; negative: no limit
	Delete             bool          // cleanup.policy contains delete
	Compact            bool          // cleanup.policy contains compact
	DeleteRetention    time.Duration // delete.retention.ms
	MinCompactionLag   time.Duration // min.compaction.lag.ms
	MaxCompactionLag   time.Duration // max.compaction.lag.ms
	MinCleanableRatio  float64       // min.cleanable.dirty.ratio
	FileDeleteDelay    time.Duration // file.delete.delay.ms
	FlushMessages      int64         // flush.messages; 1: every append is synced before it is acknowledged
	FlushInterval      time.Duration // flush.ms
	IndexIntervalBytes int64         // index.interval.bytes
	MaxMessageBytes    int           // max.message.bytes
	LogAppendTime      bool          // message.timestamp.type=LogAppendTime
	TimestampBefore    time.Duration // message.timestamp.before.max.ms
	TimestampAfter     time.Duration // message.timestamp.after.max.ms
}

// Log is a folder of partitions on one disk. Its methods may be called
// concurrently unless they say otherwise.
//
// Life: Open, OpenPartition for every partition that the caller's metadata
// names, Start, then anything, then Close.
type Log struct{}

// Open takes the lock on cfg.Dir and reads what recovery needs. A folder
// written by a newer version, or locked by another process, is an error that
// says what to do.
func Open(cfg Config) (*Log, error) { panic("being written") }

// OpenPartition opens the partition, creating it if it has no folder yet (a
// folder left by an earlier topic of the same name is replaced). After an unclean
// stop it recovers the partition. It may be called concurrently for different
// partitions.
func (l *Log) OpenPartition(id ID, s Settings) (*Partition, error) { panic("being written") }

// Start says that all partitions that the metadata names have been opened, and
// begins the background work: retention, compaction, checkpoints. Folders of
// partitions nobody opened are removed.
func (l *Log) Start(ctx context.Context) error { panic("being written") }

// DeletePartition closes the partition and removes its folder.
func (l *Log) DeletePartition(id ID) error { panic("being written") }

// Partition returns the open partition, or nil.
func (l *Log) Partition(topic string, partition int32) *Partition { panic("being written") }

// Close flushes, marks the folder clean and releases it. Appends that wait are
// completed first.
func (l *Log) Close() error { panic("being written") }
