package log

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/evidentlog/evident/internal/log/batch"
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
	// ProducerExpiry is how long an idempotent producer is remembered after
	// its last batch (Kafka: producer.id.expiration.ms). Default: 24 hours.
	ProducerExpiry time.Duration
	// TailCacheBytes bounds the memory that keeps recently written bytes for
	// consumers that keep up. Default: 16 MiB.
	TailCacheBytes int
	// Hold tells from which offset on a partition's records must not go yet:
	// retention and compaction leave them, and deleting them is refused with
	// ErrHeld. It is asked with locks held, and must not use the log. Default
	// (nil): nothing is held.
	Hold func(ID) int64
	// TruncateDamaged lets recovery cut a partition at damage in its middle,
	// which loses the records behind it. Default: the partition is stopped and
	// what lies before the damage can be read.
	TruncateDamaged bool

	// journalBytes is the size of the first journal file, journalLimit that of
	// all that are live, directBytes from how many bytes on a commit goes
	// straight to the segment, and youngBytes up to which size an active segment
	// has no index files. Tests take less.
	journalBytes, journalLimit, directBytes, youngBytes int64
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Hold == nil {
		c.Hold = func(ID) int64 { return math.MaxInt64 }
	}
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.RetentionInterval, 5 * time.Minute}, {&c.CompactionInterval, 15 * time.Second}, {&c.ProducerExpiry, 24 * time.Hour}} {
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	if c.journalBytes == 0 {
		c.journalBytes = minJournal
	}
	if c.journalLimit == 0 {
		c.journalLimit = maxLive
	}
	if c.directBytes == 0 {
		c.directBytes = directBytes
	}
	if c.youngBytes == 0 {
		c.youngBytes = youngBytes
	}
	if c.TailCacheBytes == 0 {
		c.TailCacheBytes = 16 << 20
	}
}

// ID names a partition. TopicID tells apart topics that had the same name at
// different times (KIP-516).
type ID struct {
	Topic     string
	TopicID   [16]byte
	Partition int32
}

// Settings are the topic settings that the log obeys. Each comment names the
// Kafka topic property. [DefaultSettings] has Kafka's defaults.
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
	FlushMessages      int64         // flush.messages; 1: every append is synced before it is acknowledged
	FlushInterval      time.Duration // flush.ms
	IndexIntervalBytes int64         // index.interval.bytes
	MaxMessageBytes    int           // max.message.bytes
	LogAppendTime      bool          // message.timestamp.type=LogAppendTime
	TimestampBefore    time.Duration // message.timestamp.before.max.ms
	TimestampAfter     time.Duration // message.timestamp.after.max.ms
}

const (
	formatName    = "format"
	deleteSuffix  = ".delete" // of a folder whose removal has begun
	formatVersion = 1
	directWorkers = 8
	// checkpointBytes is after how many bytes written to segments a checkpoint
	// is due. It bounds what recovery has to scan.
	checkpointBytes = 256 << 20
	idleAge         = 5 * time.Second // tail cache
	flushAge        = time.Minute     // journalled bytes
	checkpointAge   = 10 * time.Second
	checkpointRetry = time.Second
)

// Log is a folder of partitions on one disk. Its methods may be called
// concurrently unless they say otherwise.
//
// Life: Open, OpenPartition for every partition that the caller's metadata
// names, Start, then anything, then Close.
//
// Locks are taken in this order: shrinking, Partition.maintenance (only who holds
// shrinking takes that of more than one partition), checkpointing, Log.mu,
// Partition.indexing, Partition.mu, then those of queues, caches and pools, under
// which no other is taken.
type Log struct {
	cfg     Config
	fs      vfs.FS
	lock    io.Closer
	clean   bool // the last owner closed in order
	codecs  batch.Codecs
	metrics *metrics

	files   *fileCache
	chunks  chunkPool
	cache   tailCache
	journal *journal
	direct  *commitQueue
	repairs *commitQueue

	callbacks callbackQueue

	recovered     *journalContents // until Start
	appended      atomic.Int64     // bytes of batches since the log was opened
	unsaved       atomic.Int64     // bytes written to segments since the last checkpoint
	wake          chan struct{}    // a checkpoint is due
	shrinking     sync.Mutex       // held while log starts are raised
	checkpointing sync.Mutex
	commits       sync.WaitGroup // journal and direct workers
	background    sync.WaitGroup // maintenance
	opening       sync.WaitGroup // calls of OpenPartition
	removing      sync.WaitGroup // removals of folders
	stop          context.CancelFunc

	mu struct {
		sync.Mutex
		partitions  map[string]*Partition // by folder name; nil while it is being opened
		checkpoints map[partKey]*checkpoint
		closed      bool
	}
}

// Open takes the lock on cfg.Dir and reads what recovery needs. A folder
// written by a newer version, or locked by another process, is an error that
// says what to do.
func Open(cfg Config) (*Log, error) {
	cfg.setDefaults()
	l := &Log{cfg: cfg, fs: cfg.FS, wake: make(chan struct{}, 1)}
	if err := l.makeFolders(); err != nil {
		return nil, fmt.Errorf("cannot use %s as the data folder: choose another one, or make it one that can be written: %w", cfg.Dir, err)
	}
	lock, err := l.fs.Lock(filepath.Join(cfg.Dir, "lock"))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("the data folder %s is in use by another process: stop it, or choose another folder: %w", cfg.Dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot lock the data folder %s: %w", cfg.Dir, err)
	}
	l.lock = lock
	if err := l.open(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return l, nil
}

func (l *Log) open() error {
	if err := l.checkFormat(); err != nil {
		return err
	}
	l.files = newFileCache(l.fs, defaultOpenFiles)
	l.cache.limit = l.cfg.TailCacheBytes
	l.direct, l.repairs = newCommitQueue(), newCommitQueue()
	l.journal = newJournal(l)
	l.mu.partitions = make(map[string]*Partition)

	var err error
	if l.mu.checkpoints, err = l.readCheckpoints(); err != nil {
		return err
	}
	if l.recovered, err = l.readJournal(); err != nil {
		return err
	}
	l.journal.mu.nextID = l.recovered.last
	l.journal.mu.floor = max(1, l.recovered.floor)
	if l.metrics, err = newMetrics(l.cfg.Metrics); err != nil {
		return err
	}
	if l.clean, err = l.takeCleanMark(); err != nil {
		l.metrics.close()
		return err
	}
	l.startCommits()
	return nil
}

func (l *Log) startCommits() {
	l.callbacks.init()
	l.commits.Go(l.callbacks.run)
	l.commits.Go(l.journal.run)
	l.commits.Go(l.journal.runPrepare)
	l.commits.Go(l.journal.runRelease)
	for range directWorkers {
		l.commits.Go(l.runDirect)
	}
}

// makeFolders makes the log's folders and their names durable.
func (l *Log) makeFolders() error {
	for _, dir := range []string{l.topicsDir(), l.journalDir()} {
		if err := l.fs.MkdirAll(dir); err != nil {
			return err
		}
	}
	if err := l.fs.SyncDir(l.cfg.Dir); err != nil {
		return err
	}
	return l.fs.SyncDir(filepath.Dir(l.cfg.Dir))
}

func (l *Log) journalDir() string { return filepath.Join(l.cfg.Dir, "journal") }

func (l *Log) topicsDir() string { return filepath.Join(l.cfg.Dir, "topics") }

// checkFormat refuses a folder that a newer version wrote and marks a new one.
func (l *Log) checkFormat() error {
	name := filepath.Join(l.cfg.Dir, formatName)
	b, err := readFile(l.fs, name)
	if errors.Is(err, fs.ErrNotExist) {
		return replaceFile(l.fs, name, []byte(strconv.Itoa(formatVersion)+"\n"))
	}
	if err != nil {
		return err
	}
	v, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return fmt.Errorf("%w: %s says %q, not a format version: restore it, or write %d into it if this version wrote the folder", ErrCorruption, name, b, formatVersion)
	}
	if v != formatVersion {
		return fmt.Errorf("the data folder %s has format %d, this version reads %d: %w", l.cfg.Dir, v, formatVersion, errVersion)
	}
	return nil
}

// takeCleanMark tells whether the last owner closed in order, and removes the
// mark before anything is written.
func (l *Log) takeCleanMark() (bool, error) {
	name := filepath.Join(l.cfg.Dir, cleanName)
	if _, err := l.fs.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if err := l.fs.Remove(name); err != nil {
		return false, err
	}
	return true, l.fs.SyncDir(l.cfg.Dir)
}

func folderName(topic string, partition int32) string {
	return topic + "-" + strconv.Itoa(int(partition))
}

// OpenPartition opens the partition; one that has no folder yet is empty, and
// gets its folder with its first records. After an unclean stop the partition is
// recovered. Damage in its middle does not fail OpenPartition: it is logged,
// and [Partition.Err] tells of it. It may be called concurrently for different
// partitions.
func (l *Log) OpenPartition(id ID, s Settings) (*Partition, error) {
	p := &Partition{log: l, id: id, dir: filepath.Join(l.topicsDir(), folderName(id.Topic, id.Partition))}
	p.room.L = &p.mu
	p.mu.settings = s
	if err := l.reserve(p); err != nil {
		return nil, err
	}
	defer l.opening.Done()
	if err := p.open(); err != nil {
		p.shut(ErrClosed)
		l.unregister(p)
		return nil, fmt.Errorf("opening partition %s-%d: %w", id.Topic, id.Partition, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.partitions[p.name()] = p
	return p, nil
}

// reserve takes the name for a partition that is about to be opened.
func (l *Log) reserve(p *Partition) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return ErrClosed
	}
	if _, taken := l.mu.partitions[p.name()]; taken {
		return fmt.Errorf("partition %s is open already", p.name())
	}
	l.mu.partitions[p.name()] = nil
	l.opening.Add(1)
	return nil
}

func (l *Log) unregister(p *Partition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.mu.partitions, p.name())
	delete(l.mu.checkpoints, p.id.key())
}

// Partition returns the open partition, or nil.
func (l *Log) Partition(topic string, partition int32) *Partition {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.partitions[folderName(topic, partition)]
}

// Stopped returns why partitions that take no appends do not.
func (l *Log) Stopped() []error {
	var out []error
	for _, p := range l.partitions() {
		if err := p.Err(); err != nil {
			out = append(out, err)
		}
	}
	return out
}

// Partitions are those that are open, in no order.
func (l *Log) Partitions() []*Partition { return l.partitions() }

// Appended is how many bytes of batches were appended to all partitions since the
// log was opened, durable or not.
func (l *Log) Appended() int64 { return l.appended.Load() }

// partitions is a snapshot of the open partitions.
func (l *Log) partitions() []*Partition {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]*Partition, 0, len(l.mu.partitions))
	for _, p := range l.mu.partitions {
		if p != nil {
			out = append(out, p)
		}
	}
	return out
}

// Start says that all partitions that the metadata names have been opened, and
// begins the background work: retention, compaction, checkpoints. Folders of
// partitions that nobody opened are moved aside. The work ends when ctx does, or
// with Close.
func (l *Log) Start(ctx context.Context) error {
	if err := l.setStrangersAside(); err != nil {
		return err
	}
	// A crash of the process alone may have left folders that are not durable yet.
	if err := l.fs.SyncDir(l.topicsDir()); err != nil {
		return err
	}
	if err := l.writeCheckpoints(); err != nil {
		return err
	}
	if err := l.journal.takeOver(l.recovered, l.partitions()); err != nil {
		return err
	}
	l.recovered = nil
	ctx, l.stop = context.WithCancel(ctx)
	l.background.Go(func() { l.maintain(ctx) })
	l.background.Go(func() { l.runRepairs(ctx) })
	return nil
}

// setStrangersAside moves folders that belong to no open partition out of the
// way. They are not removed: that no topic has them may mean that a deletion was
// cut short, but also that the topics' metadata has lost them.
func (l *Log) setStrangersAside() error {
	entries, err := l.fs.ReadDir(l.topicsDir())
	if err != nil {
		return err
	}
	var deleted []string
	for _, e := range entries {
		l.mu.Lock()
		_, known := l.mu.partitions[e.Name()]
		l.mu.Unlock()
		switch {
		case known:
		case strings.HasSuffix(e.Name(), deleteSuffix):
			deleted = append(deleted, filepath.Join(l.topicsDir(), e.Name()))
		default:
			if err := l.setAside(e.Name()); err != nil {
				return err
			}
		}
	}
	l.removeFolders(deleted)
	return nil
}

// setAside moves a folder of topicsDir to strayDir. A name that is too long to be
// made longer is cut.
func (l *Log) setAside(name string) error {
	dir := filepath.Join(l.topicsDir(), name)
	if err := l.fs.MkdirAll(l.strayDir()); err != nil {
		return err
	}
	to := filepath.Join(l.strayDir(), fmt.Sprintf("%.200s.%d", name, l.cfg.Now().UnixNano()))
	l.cfg.Logger.Warn("no topic has this folder; it is moved aside, remove it if it is not needed", "folder", dir, "to", to)
	if err := l.fs.Rename(dir, to); err != nil {
		return err
	}
	for _, d := range []string{l.strayDir(), l.topicsDir(), l.cfg.Dir} {
		if err := l.fs.SyncDir(d); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) strayDir() string { return filepath.Join(l.cfg.Dir, "stray") }

// Dir is the log's folder, as an absolute path.
func (l *Log) Dir() string {
	dir, err := filepath.Abs(l.cfg.Dir)
	if err != nil { // the working directory is gone
		return l.cfg.Dir
	}
	return dir
}

// Space is the room on the log's disk.
func (l *Log) Space() (vfs.Space, error) { return l.fs.Space(l.cfg.Dir) }

// Close flushes all partitions, marks the folder clean and releases it.
// Appends that wait are completed first.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.mu.closed {
		l.mu.Unlock()
		return nil
	}
	l.mu.closed = true
	l.mu.Unlock()
	l.opening.Wait()
	l.removing.Wait()
	if l.stop != nil {
		l.stop()
	}
	l.repairs.close()
	l.background.Wait()
	err := l.closePartitions()
	l.journal.queue.close()
	l.direct.close()
	l.callbacks.close()
	l.commits.Wait()
	clean := err == nil && l.recovered == nil // not started: the old journal is still needed
	if clean {
		err = l.writeCheckpoints()
	}
	err = errors.Join(err, l.journal.close(clean && err == nil))
	if clean && err == nil {
		err = l.markClean()
	}
	l.metrics.close()
	return errors.Join(err, l.files.close(), l.lock.Close())
}

func (l *Log) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.closed
}

// closePartitions flushes all partitions and cuts their files to exact size.
func (l *Log) closePartitions() error {
	var g errgroup.Group
	g.SetLimit(directWorkers)
	for _, p := range l.partitions() {
		g.Go(p.close)
	}
	return g.Wait()
}

func (l *Log) markClean() error {
	if err := writeFile(l.fs, filepath.Join(l.cfg.Dir, cleanName), nil); err != nil {
		return err
	}
	return l.fs.SyncDir(l.cfg.Dir)
}
