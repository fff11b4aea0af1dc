package log

import (
	"errors"
	"io"
	"time"
)

// Errors of Append and Read. The broker turns each into Kafka's error code.
var (
	ErrCorruptBatch       = errors.New("corrupt record batch")            // CORRUPT_MESSAGE
	ErrInvalidRecord      = errors.New("invalid record")                  // INVALID_RECORD
	ErrBatchTooLarge      = errors.New("record batch too large")          // MESSAGE_TOO_LARGE
	ErrInvalidTimestamp   = errors.New("invalid timestamp")               // INVALID_TIMESTAMP
	ErrUnsupportedFormat  = errors.New("unsupported record batch format") // UNSUPPORTED_FOR_MESSAGE_FORMAT
	ErrOutOfOrderSequence = errors.New("out of order sequence number")    // OUT_OF_ORDER_SEQUENCE_NUMBER
	ErrProducerFenced     = errors.New("producer epoch is fenced")        // INVALID_PRODUCER_EPOCH
	ErrUnknownProducer    = errors.New("unknown producer id")             // UNKNOWN_PRODUCER_ID
	ErrOffsetOutOfRange   = errors.New("offset out of range")             // OFFSET_OUT_OF_RANGE
	ErrStorage            = errors.New("storage error")                   // KAFKA_STORAGE_ERROR
	ErrCorruption         = errors.New("corruption")                      // KAFKA_STORAGE_ERROR, never skipped in silence
	ErrDeleted            = errors.New("partition deleted")               // UNKNOWN_TOPIC_OR_PARTITION
)

// Ack says how far an append must have come before it is reported.
type Ack int8

const (
	AckWritten Ack = iota // handed to the disk, not yet known to survive a power cut (acks=1)
	AckDurable            // fsynced, or as the topic's flush.messages loosens it (acks=all)
)

// Appended tells where an append went.
type Appended struct {
	BaseOffset int64 // offset of the first record
	LastOffset int64
	AppendTime int64 // ms since the epoch if the topic stamps LogAppendTime, else -1
	LogStart   int64 // log start offset
	Duplicate  bool  // the batch was there already (idempotent producer); offsets are those of the first copy
}

// Partition is one partition's log. All methods may be called concurrently.
type Partition struct{}

func (p *Partition) ID() ID                 { panic("being written") }
func (p *Partition) Settings() Settings     { panic("being written") }
func (p *Partition) SetSettings(s Settings) { panic("being written") }
func (p *Partition) LogStart() int64        { panic("being written") }
func (p *Partition) HighWatermark() int64   { panic("being written") } // fsynced end: one past the last offset a reader may see
func (p *Partition) LogEnd() int64          { panic("being written") }
func (p *Partition) LeaderEpoch() int32     { panic("being written") }
func (p *Partition) Size() int64            { panic("being written") } // bytes of all .log files

// Append validates raw, one or more whole record batches v2 as they came over
// the wire, patches base offset and leader epoch in place and appends them. raw
// may be reused when Append returns. It does no I/O wait: done is called once, from another
// goroutine, when ack is reached or the append has failed (the error wraps
// ErrStorage); done must not block. If Append itself returns an error, nothing was
// appended and done is never called. The raw bytes of an internal writer are
// the same as a client's.
func (p *Partition) Append(raw []byte, ack Ack, done func(error)) (Appended, error) {
	panic("being written")
}

// Read plans a read from the batch that contains offset, of at most maxBytes,
// and never past the high watermark. With minOne, the first batch is taken
// whole even if it is larger. An offset equal to the high watermark gives an
// empty Slice; outside [LogStart, HighWatermark] it is ErrOffsetOutOfRange.
// The Slice must be closed.
func (p *Partition) Read(offset int64, maxBytes int, minOne bool) (*Slice, error) {
	panic("being written")
}

// Slice is a run of stored batches, not yet read from disk. The last batch may
// be cut short by maxBytes, as the Kafka protocol allows.
type Slice struct{}

// Size is the number of bytes that WriteTo writes.
func (s *Slice) Size() int { panic("being written") }

// WriteTo writes exactly Size bytes to w, or returns an error. buf is scratch space,
// vfs-aligned, of at least 64 KiB.
func (s *Slice) WriteTo(w io.Writer, buf []byte) error { panic("being written") }

// Bytes reads the whole slice into memory.
func (s *Slice) Bytes() ([]byte, error) { panic("being written") }

// Close releases the files that s holds open.
func (s *Slice) Close() { panic("being written") }

// Watcher is told, without blocking, that a partition's high watermark rose
// (or that the partition failed or was deleted). It is called with the partition's
// lock held and must only note the fact.
type Watcher interface {
	Advanced(p *Partition)
}

// Watch registers w until Unwatch.
func (p *Partition) Watch(w Watcher)   { panic("being written") }
func (p *Partition) Unwatch(w Watcher) { panic("being written") }

// OffsetForTime finds the first record at or after t (ms since the epoch)
// below the high watermark; ok is false if there is none. MaxTimestamp finds the record
// with the largest timestamp (KIP-734).
func (p *Partition) OffsetForTime(t int64) (offset, timestamp int64, ok bool, err error) {
	panic("being written")
}
func (p *Partition) MaxTimestamp() (offset, timestamp int64, ok bool, err error) {
	panic("being written")
}

// Truncate removes all records at and after offset.
func (p *Partition) Truncate(offset int64) error { panic("being written") }

// Err is why the partition is stopped, or nil.
func (p *Partition) Err() error { panic("being written") }

// DefaultSettings are Kafka's defaults, except that FlushMessages is 1 and
// FlushInterval one second (it matters only once FlushMessages is raised).
func DefaultSettings() Settings {
	return Settings{
		SegmentBytes: 1 << 30, SegmentAge: 7 * 24 * time.Hour,
		RetentionBytes: -1, RetentionAge: 7 * 24 * time.Hour, Delete: true,
		DeleteRetention: 24 * time.Hour, MaxCompactionLag: 1<<63 - 1, MinCleanableRatio: 0.5,
		FileDeleteDelay: time.Minute, FlushMessages: 1, FlushInterval: time.Second,
		IndexIntervalBytes: 4096, MaxMessageBytes: 1048588,
		TimestampBefore: 1<<63 - 1, TimestampAfter: time.Hour,
	}
}
