package log

import (
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Errors of Append and Read. The broker turns each into Kafka's error code.
var (
	ErrCorruptBatch       = errors.New("corrupt record batch")              // CORRUPT_MESSAGE
	ErrInvalidRecord      = errors.New("invalid record")                    // INVALID_RECORD
	ErrBatchTooLarge      = errors.New("record batch too large")            // MESSAGE_TOO_LARGE
	ErrInvalidTimestamp   = errors.New("invalid timestamp")                 // INVALID_TIMESTAMP
	ErrUnsupportedFormat  = errors.New("unsupported record batch format")   // UNSUPPORTED_FOR_MESSAGE_FORMAT
	ErrUnsupportedCodec   = errors.New("unsupported compression")           // UNSUPPORTED_COMPRESSION_TYPE
	ErrOutOfOrderSequence = errors.New("out of order sequence number")      // OUT_OF_ORDER_SEQUENCE_NUMBER
	ErrProducerFenced     = errors.New("producer epoch is fenced")          // INVALID_PRODUCER_EPOCH
	ErrInvalidTxnState    = errors.New("invalid transaction state")         // INVALID_TXN_STATE
	ErrCoordinatorFenced  = errors.New("transaction coordinator is fenced") // TRANSACTION_COORDINATOR_FENCED
	ErrOffsetOutOfRange   = errors.New("offset out of range")               // OFFSET_OUT_OF_RANGE
	ErrHeld               = errors.New("records are held")                  // REQUEST_TIMED_OUT, when that does not end
	ErrStorage            = errors.New("storage error")                     // KAFKA_STORAGE_ERROR
	ErrCorruption         = errors.New("corruption")                        // KAFKA_STORAGE_ERROR; never skipped in silence
	ErrDeleted            = errors.New("partition deleted")                 // UNKNOWN_TOPIC_OR_PARTITION
	ErrClosed             = errors.New("log closed")                        // NOT_LEADER_OR_FOLLOWER
)

// Ack says how far an append must have come before it is reported.
type Ack int8

const (
	// AckWritten: handed to the disk, not yet known to survive a power cut
	// (acks=1).
	AckWritten Ack = iota
	// AckDurable: fsynced, or as the topic's flush.messages loosens it
	// (acks=all).
	AckDurable
)

// Appended tells where an append went.
type Appended struct {
	BaseOffset int64 // offset of the first record
	LastOffset int64 // offset of the last record
	AppendTime int64 // ms since the epoch if the topic stamps LogAppendTime, else -1
	LogStart   int64 // log start offset
	Duplicate  bool  // the batch was there already (idempotent producer); offsets are those of the first copy
}

// Watcher is told that a partition's high watermark or its log start rose, or
// that the partition failed, came back or was deleted. Advanced is called with the partition's
// lock held: it must only note the fact, without blocking and without calling
// the partition.
type Watcher interface {
	Advanced(p *Partition)
}

// Partition is one partition's log. All methods may be called concurrently.
type Partition struct {
	log *Log
	id  ID
	dir string

	// Written under mu, read without it.
	logStart, highWatermark, logEnd atomic.Int64
	// firstUnstable is the first offset of the oldest transaction that is open or
	// has a marker above the high watermark, or the largest number.
	firstUnstable atomic.Int64

	// room is signalled when a commit has ended, for appends that wait until
	// less is unwritten. It uses mu.
	room sync.Cond

	// maintenance is held by whatever replaces, removes or cuts segments:
	// retention, compaction, truncation, repair. It is taken before mu.
	maintenance sync.Mutex
	// indexing is held while index files are written. It is taken before mu.
	indexing sync.Mutex

	mu struct {
		sync.Mutex
		settings  Settings
		segments  []*segment // by base offset; the last is active
		flushed   mark       // up to here everything is in the segments' files
		cleaned   int64      // compaction has seen all records below this offset
		erasing   []Range    // what is to be erased, durably noted; in rising order; nil if nothing is noted
		announced []Range    // what will be erased when who announced it says so; likewise
		buried    []buriedFile
		producers *producerTable
		watchers  map[Watcher]struct{}
		cursors   cursors
		err       error // why the partition is stopped, or nil
		draining  error // why appends are refused although commits go on, or nil
		damaged   bool  // err is for good: what the last checkpoint knew stays true
		lowered   bool  // flushed has been lowered, and the next checkpoint is to say so
		closed    bool
		removed   bool // the folder is being removed
		touched   bool // the files may differ from what the last clean stop left
		commit    commitState
	}
}

// ID names the partition.
func (p *Partition) ID() ID { return p.id }

// hold is the offset from which on records must not go yet.
func (p *Partition) hold() int64 { return p.log.cfg.Hold(p.id) }

// name is that of the partition's folder.
func (p *Partition) name() string { return filepath.Base(p.dir) }

// LogStart is the offset of the first record that can be read.
func (p *Partition) LogStart() int64 { return p.logStart.Load() }

// HighWatermark is the fsynced end: one past the last offset that a reader may
// see.
func (p *Partition) HighWatermark() int64 { return p.highWatermark.Load() }

// raiseWatermark sets the high watermark, which makes the markers below it count. The lock
// is held.
func (p *Partition) raiseWatermark(highWatermark int64) {
	p.highWatermark.Store(highWatermark)
	if t := p.mu.producers; len(t.unstable) > 0 {
		t.durable(highWatermark)
		p.firstUnstable.Store(t.firstUnstable())
	}
}

// setFlushed notes that everything before m is in the segments' files. The lock
// is held.
func (p *Partition) setFlushed(m mark) {
	p.mu.flushed = m
	p.mu.producers.passed(m.offset)
}

// setProducers replaces all that is known of producers. The lock is held.
func (p *Partition) setProducers(t *producerTable) {
	t.durable(p.HighWatermark())
	p.mu.producers = t
	p.firstUnstable.Store(t.firstUnstable())
}

// LogEnd is the offset that the next record gets.
func (p *Partition) LogEnd() int64 { return p.logEnd.Load() }

// LeaderEpoch is the epoch stamped into appended batches. A single node's
// partitions never change leaders.
func (p *Partition) LeaderEpoch() int32 { return 0 }

// Settings are the settings in force.
func (p *Partition) Settings() Settings {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.settings
}

// SetSettings changes the settings from the next append on.
func (p *Partition) SetSettings(s Settings) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.settings = s
}

// Size is the number of bytes of all batches.
func (p *Partition) Size() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var n int64
	for _, s := range p.mu.segments {
		n += s.size
	}
	return n
}

// BytesFrom is about how many bytes the batches from an offset on have: what the
// segment with that offset has before it is taken from how its offsets lie.
func (p *Partition) BytesFrom(offset int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var n int64
	for _, s := range p.mu.segments {
		switch {
		case offset <= s.base:
			n += s.size
		case offset < s.next:
			n += int64(float64(s.size) * float64(s.next-offset) / float64(s.next-s.base))
		}
	}
	return n
}

// Err is why the partition is stopped, or nil. It wraps ErrStorage,
// ErrCorruption, ErrDeleted or ErrClosed.
func (p *Partition) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.err
}

// Watch registers w until Unwatch.
func (p *Partition) Watch(w Watcher) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.watchers == nil {
		p.mu.watchers = make(map[Watcher]struct{})
	}
	p.mu.watchers[w] = struct{}{}
}

// Unwatch ends Watch.
func (p *Partition) Unwatch(w Watcher) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.mu.watchers, w)
}

// notify tells the watchers. The lock is held.
func (p *Partition) notify() {
	for w := range p.mu.watchers {
		w.Advanced(p)
	}
}

// active is the segment that takes appends. The lock is held.
func (p *Partition) active() *segment { return p.mu.segments[len(p.mu.segments)-1] }

// retire closes the files of s, which has been or is about to be removed or
// replaced. Its tail stays for those who read it. The lock is held, and that for
// indexing if s is sealed.
func (p *Partition) retire(s *segment) {
	s.gone = true
	p.log.files.retire(s.owner, s.files()...)
}

func (p *Partition) now() int64 { return p.log.cfg.Now().UnixMilli() }

// DefaultSettings are Kafka's defaults, except that FlushMessages is 1 and
// FlushInterval one second (it matters only once FlushMessages is raised).
func DefaultSettings() Settings {
	return Settings{
		SegmentBytes:       1 << 30,
		SegmentAge:         7 * 24 * time.Hour,
		RetentionBytes:     -1,
		RetentionAge:       7 * 24 * time.Hour,
		Delete:             true,
		DeleteRetention:    24 * time.Hour,
		MaxCompactionLag:   1<<63 - 1,
		MinCleanableRatio:  0.5,
		FlushMessages:      1,
		FlushInterval:      time.Second,
		IndexIntervalBytes: 4096,
		MaxMessageBytes:    1048588,
		TimestampBefore:    1<<63 - 1,
		TimestampAfter:     time.Hour,
	}
}
