package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// ErrStopped says that an index is not kept any more.
var ErrStopped = errors.New("the index of this partition is not kept any more")

const (
	// memoryLimit is how many bytes of slots all partitions together may have in
	// memory before the largest are written early.
	memoryLimit = 64 << 20
	// mergeWidth is how many blocks are merged at a time: there are hundreds then of
	// 100 million records, and each slot is written twice.
	mergeWidth = 16
	// retryAfter is how long the index rests after its disk has failed.
	retryAfter = time.Second
)

// Config says where an index is.
type Config struct {
	FS     vfs.FS
	Dir    string // its own folder
	Logger *slog.Logger
	// BlockRecords is after how many records a block is written; 65,536 if 0.
	BlockRecords int64
}

// A Name is that of a partition's log between two cuts: what a tree is grown for.
type Name struct {
	Topic      string
	TopicID    string // as origins of trees have it; no dots
	Partition  int32
	Generation int32
}

// folder has no topic in it: names of topics may tell whom they are about.
func (n *Name) folder() string {
	return fmt.Sprintf("%s.%d.%d", n.TopicID, n.Partition, n.Generation)
}

// An Index is that of all partitions of a node. Its methods may be called by any
// goroutine.
type Index struct {
	cfg    Config
	secret secret
	width  int           // how many neighbours are merged into one block
	memory atomic.Int64  // bytes of slots that are in memory
	wake   chan struct{} // there may be something to write
	late   chan struct{} // a partition may have fallen behind

	records  atomic.Int64 // that were taken
	searched atomic.Int64 // blocks
	damaged  atomic.Int64 // blocks that were found to be

	collectors sync.Pool // of *Collector

	mu struct {
		sync.Mutex
		partitions map[string]*Partition // that are open, by folder
		dropped    map[string]*Partition // whose files Run has not removed yet
		closed     map[string]bool       // folders that were found at the start, and not opened
	}
}

// Open opens the index in a folder, and makes it if there is none.
func Open(cfg Config) (*Index, error) {
	if cfg.BlockRecords == 0 {
		cfg.BlockRecords = 1 << 16
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	ix := &Index{cfg: cfg, width: mergeWidth, wake: make(chan struct{}, 1), late: make(chan struct{}, 1)}
	ix.mu.partitions, ix.mu.dropped = map[string]*Partition{}, map[string]*Partition{}
	if err := ix.open(); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	return ix, nil
}

func (ix *Index) open() (err error) {
	if err := ix.cfg.FS.MkdirAll(ix.cfg.Dir); err != nil {
		return err
	}
	if ix.mu.closed, err = ix.folders(); err != nil {
		return err
	}
	var found bool
	if ix.secret, found, err = loadSecret(ix.cfg.FS, ix.cfg.Dir); err != nil || found {
		return err
	}
	return ix.Keep(func(string, int32, int32) bool { return false }) // hashes of another secret are of no use
}

// Partition opens the index of a partition, whose next record to come is at an
// offset. What it had of records from there on is forgotten: they may have become
// others.
func (ix *Index) Partition(name Name, next int64) (*Partition, error) {
	if err := ix.await(name.folder()); err != nil {
		return nil, fmt.Errorf("index of %s/%d: %w", name.Topic, name.Partition, err)
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if p := ix.mu.partitions[name.folder()]; p != nil {
		return p, nil
	}
	p, err := ix.openPartition(name, next)
	if err != nil {
		return nil, fmt.Errorf("index of %s/%d: %w", name.Topic, name.Partition, err)
	}
	ix.mu.partitions[name.folder()] = p
	delete(ix.mu.closed, name.folder())
	if p.Behind() {
		poke(ix.late)
	}
	return p, nil
}

// Partitions returns the open partitions of a topic, or of all if topic is empty,
// in the order of topics and partitions.
func (ix *Index) Partitions(topic string) []*Partition {
	list := ix.list(topic)
	slices.SortFunc(list, func(a, b *Partition) int {
		return cmp.Or(cmp.Compare(a.name.Topic, b.name.Topic), cmp.Compare(a.name.Partition, b.name.Partition),
			cmp.Compare(a.name.TopicID, b.name.TopicID), cmp.Compare(a.name.Generation, b.name.Generation))
	})
	return list
}

// list is Partitions in no order.
func (ix *Index) list(topic string) (list []*Partition) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, p := range ix.mu.partitions {
		if topic == "" || p.name.Topic == topic {
			list = append(list, p)
		}
	}
	return list
}

// Late receives a value when a partition may have fallen behind: see
// [Partition.Behind].
func (ix *Index) Late() <-chan struct{} { return ix.late }

// poke wakes whoever waits, unless it is awake.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run writes blocks, and removes what was dropped, until ctx ends, then writes all
// that is in memory. A disk that fails is tried again: meanwhile partitions fall
// behind. The error is of the last try.
func (ix *Index) Run(ctx context.Context) error {
	failed := false
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			continue
		case <-ix.wake:
		}
		ix.shrink()
		err := errors.Join(ix.removeDropped(), ix.writeAll())
		if err != nil && !failed {
			ix.cfg.Logger.Error("the index cannot be written, or what was dropped of it removed; it is tried again", "error", err)
		}
		if failed = err != nil; failed {
			wait(ctx, retryAfter)
			poke(ix.wake)
		}
	}
	for _, p := range ix.list("") {
		p.cut()
	}
	return ix.writeAll()
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// shrink has the largest slices written when memory is full.
func (ix *Index) shrink() {
	if ix.memory.Load() <= memoryLimit {
		return
	}
	list := ix.list("")
	slices.SortFunc(list, func(a, b *Partition) int { return cmp.Compare(b.growing(), a.growing()) })
	for sum := int64(0); len(list) > 0 && sum < memoryLimit/2; list = list[1:] {
		sum += list[0].growing()
		list[0].cut()
	}
}

func (ix *Index) writeAll() error {
	var errs []error
	for _, p := range ix.list("") {
		errs = append(errs, p.Mend(p.write()))
	}
	return errors.Join(errs...)
}
