package group

import (
	"sync"
	"time"
)

// finishedWrites is the queue from the store's callbacks to the goroutine of
// Run, so that a callback never waits for a group's lock.
type finishedWrites struct {
	some    chan struct{}  // capacity 1
	failing map[int32]bool // partitions whose last write failed; owned by the goroutine of Run

	mu struct {
		sync.Mutex
		batches []finishedBatch
	}
}

type finishedBatch struct {
	entry *entry
	write *write
	err   error
}

func newFinishedWrites() *finishedWrites {
	return &finishedWrites{some: make(chan struct{}, 1), failing: make(map[int32]bool)}
}

func (f *finishedWrites) add(e *entry, w *write, err error) {
	f.mu.Lock()
	f.mu.batches = append(f.mu.batches, finishedBatch{e, w, err})
	f.mu.Unlock()
	select {
	case f.some <- struct{}{}:
	default: // that there is something is known
	}
}

// take empties the queue.
func (f *finishedWrites) take() []finishedBatch {
	f.mu.Lock()
	defer f.mu.Unlock()
	batches := f.mu.batches
	f.mu.batches = nil
	return batches
}

// applyFinished applies writes whose last batch has been reported.
func (c *Coordinator) applyFinished() {
	for _, b := range c.finished.take() {
		c.step(b.entry, func(time.Time) {
			b.write.left--
			if b.write.err == nil {
				b.write.err = b.err
			}
			if b.write.left == 0 && b.write.batches > 0 {
				c.noteFailure(b.entry, b.write.err)
			}
			b.entry.applyWrites()
		})
	}
}

// noteFailure logs the first of several writes to a partition that fail: clients
// try again all the time, and a disk that is full is not to be filled with that.
func (c *Coordinator) noteFailure(e *entry, err error) {
	switch {
	case err == nil:
		delete(c.finished.failing, e.partition)
	case isRefused(err), c.finished.failing[e.partition]:
	default:
		c.cfg.Logger.Error("a write to __consumer_offsets failed; clients are told to try again, and until one succeeds this is not logged again",
			"group", e.id, "partition", e.partition, "error", err)
		c.finished.failing[e.partition] = true
	}
}
