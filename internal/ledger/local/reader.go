// Package local reads partitions from the log of the same process, for the ledger:
// out of the memory that the log keeps its end in, as far as that goes, without a
// copy and without the protocol between. See docs/decisions/0019-reading-the-log.md.
//
// It changes nothing in the log, and asks nobody whether it may read.
package local

import (
	"context"
	"sync"
	"time"

	"github.com/evidentlog/evident/internal/ledger/source"
	"github.com/evidentlog/evident/internal/log"
)

const (
	// restBusy and restQuiet are how long records may come in before they are read:
	// many at once cost less, each. The first holds while readBusy bytes and more are
	// read each time, so that they are still in the processor's cache.
	restBusy  = 5 * time.Millisecond
	restQuiet = 50 * time.Millisecond
	readBusy  = 256 << 10
	// turnMost is how many bytes of a partition are read before the others have
	// their turn.
	turnMost = 1 << 20
	// scratchMost is how much memory is kept for batches that have to be copied.
	scratchMost = 2 << 20
)

// A Reader reads partitions of a log. It is told by the log where something happens,
// and looks nowhere else. It implements [source.Reader] and [log.Watcher].
type Reader struct {
	log     *log.Log
	entries map[source.Key]*entry
	work    []*entry // may have something to tell, in the order of their turns
	rest    time.Duration
	scratch []byte

	wake chan struct{} // something was marked; capacity 1
	mu   struct {
		sync.Mutex
		watched map[*log.Partition]*entry
		marked  []*entry // where something happened since collect
	}
}

// An entry is a partition that is read.
type entry struct {
	source.Partition
	log      *log.Partition // nil while there is none
	offset   int64          // that comes next
	logStart int64          // as it was told last; -1 before
	queued   bool           // in Reader.work
	gone     bool           // not read any more; to be taken out of Reader.work
	marked   bool           // in Reader.mu.marked; guarded by Reader.mu
}

// New makes a reader of a log, which is closed after it.
func New(l *log.Log) *Reader {
	r := &Reader{log: l, entries: map[source.Key]*entry{}, wake: make(chan struct{}, 1), rest: restQuiet}
	r.mu.watched = map[*log.Partition]*entry{}
	return r
}

// Want implements [source.Reader].
func (r *Reader) Want(p source.Partition, offset int64) {
	e := r.entries[p.Key]
	switch {
	case e == nil:
		e = &entry{Partition: p, offset: offset, logStart: -1}
		r.entries[p.Key] = e
		r.find(e)
	case e.offset == offset:
		return
	}
	e.offset = offset
	r.queue(e)
}

// Forget implements [source.Reader].
func (r *Reader) Forget(k source.Key) {
	if e := r.entries[k]; e != nil {
		delete(r.entries, k)
		e.gone = true
		r.lose(e)
	}
}

// Close implements [source.Reader].
func (r *Reader) Close() {
	for k := range r.entries {
		r.Forget(k)
	}
}

// Advanced implements [log.Watcher].
func (r *Reader) Advanced(p *log.Partition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.mu.watched[p]
	if e == nil || e.marked {
		return
	}
	e.marked = true
	r.mu.marked = append(r.mu.marked, e)
	select {
	case r.wake <- struct{}{}:
	default: // it is awake
	}
}

// collect moves partitions where something happened to work.
func (r *Reader) collect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.mu.marked {
		e.marked = false
		r.queue(e)
	}
	clear(r.mu.marked)
	r.mu.marked = r.mu.marked[:0]
}

func (r *Reader) queue(e *entry) {
	if !e.queued && !e.gone {
		e.queued = true
		r.work = append(r.work, e)
	}
}

// find looks for the partition in the log, and watches it. It tells whether there is
// one: a topic of the same name may have come after it.
func (r *Reader) find(e *entry) bool {
	if e.log != nil {
		return true
	}
	p := r.log.Partition(e.Topic, e.Number)
	if p == nil || p.ID().TopicID != e.ID {
		return false
	}
	e.log = p
	r.mu.Lock()
	r.mu.watched[p] = e
	r.mu.Unlock()
	p.Watch(r)
	return true
}

// lose watches a partition no more.
func (r *Reader) lose(e *entry) {
	if e.log == nil {
		return
	}
	e.log.Unwatch(r)
	r.mu.Lock()
	delete(r.mu.watched, e.log)
	r.mu.Unlock()
	e.log = nil
}

// Read implements [source.Reader]. There is no error of all partitions.
func (r *Reader) Read(ctx context.Context, patience time.Duration, take source.Take) error {
	if !r.await(ctx, patience) {
		return nil
	}
	r.collect()
	turns, bytes := len(r.work), 0
	for ; turns > 0 && ctx.Err() == nil; turns-- {
		e := r.work[0]
		r.work[0] = nil
		r.work = r.work[1:]
		e.queued = false
		if !e.gone {
			bytes += r.turn(e, take)
		}
	}
	if r.rest = restQuiet; bytes >= readBusy {
		r.rest = restBusy
	}
	if cap(r.scratch) > scratchMost {
		r.scratch = nil
	}
	return nil
}

// await waits until there is something to read. It returns false if ctx ends.
func (r *Reader) await(ctx context.Context, patience time.Duration) bool {
	if len(r.work) > 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.wake:
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
	timer.Reset(min(r.rest, patience))
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
