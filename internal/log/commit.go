package log

import (
	"fmt"
	"sync"
	"time"
)

// directBytes is from how many bytes on a commit goes straight to the segment.
// Below, sharing the journal's fsync is worth writing the bytes twice.
const directBytes = 256 << 10

// commitState is a partition's part in the commit path; it is guarded by the
// partition's lock. At most one commit of a partition is under way at a time:
// while running is set, only that commit advances durable.
type commitState struct {
	running bool
	// unwritten bytes, and records not yet synced, after the last commit began.
	unwritten, unsynced int64
	written, durable    []waiter // appends that wait, in offset order
	flushes             []func(error)
	wantFlush           bool // the next commit must bring everything into the segments
	wantSync            bool // the next commit of a loosened topic must sync
	timer               *time.Timer

	// end is the durable end: hw's segment and file position. Bytes between
	// the segment's flushed and pos are in the journal, and in the tail.
	end place
	// journal is the id of the oldest journal file with bytes of this
	// partition that are not flushed, or 0.
	journal uint64
	// journalled is the offset up to which entries of this partition may stand
	// in the journal, flushed or not.
	journalled int64
	// void, if set, is to go to the journal instead of a commit.
	void *voidRequest
}

// voidRequest asks the journal to note that what it has of a partition at
// offset and beyond is void.
type voidRequest struct {
	offset int64
	done   chan error
}

// place is a position between two batches.
type place struct {
	seg    *segment
	pos    int64 // in seg's .log file
	offset int64 // of the record that comes next
	// maxTime is the largest timestamp before pos in the segment.
	maxTime int64
}

// waiter waits until all offsets below end are written, or durable.
type waiter struct {
	end  int64
	done func(error)
}

// await registers done. A topic with flush.messages above 1 acknowledges
// acks=all before the sync, as Kafka does. The lock is held.
func (p *Partition) await(end int64, ack Ack, done func(error)) {
	if done == nil {
		return
	}
	c := &p.mu.commit
	if ack == AckDurable && p.mu.settings.FlushMessages <= 1 {
		c.durable = append(c.durable, waiter{end, done})
	} else {
		c.written = append(c.written, waiter{end, done})
	}
}

// awaitDuplicate lets a repeated batch wait for what the first copy waits for.
// The lock is held.
func (p *Partition) awaitDuplicate(dup *producedBatch, ack Ack, done func(error)) {
	if done == nil {
		return
	}
	if dup.last < p.HighWatermark() {
		p.log.callbacks.add(done)
		return
	}
	// Waiters are in offset order: the end of the log is late enough.
	p.await(p.LogEnd(), ack, done)
	p.schedule()
}

// schedule starts a commit if one is needed and none is running. The lock is
// held.
func (p *Partition) schedule() {
	c := &p.mu.commit
	if c.running || p.mu.err != nil || !p.commitNeeded() {
		return
	}
	c.running = true
	if p.takesDirect() {
		p.log.direct.push(p)
	} else {
		p.log.journal.queue.push(p)
	}
}

func (p *Partition) commitNeeded() bool {
	c := &p.mu.commit
	return c.unwritten > 0 || c.wantFlush || c.wantSync || len(c.written)+len(c.durable) > 0
}

// takesDirect tells which way the next commit goes. The lock is held.
func (p *Partition) takesDirect() bool {
	c := &p.mu.commit
	return c.wantFlush || c.wantSync || c.unwritten >= p.log.cfg.directBytes || p.mu.settings.FlushMessages > 1 || c.end.seg != p.active()
}

// commitQueue is a queue of partitions that wait for a commit.
type commitQueue struct {
	mu struct {
		sync.Mutex
		list   []*Partition
		closed bool
	}
	filled sync.Cond
}

func newCommitQueue() *commitQueue {
	q := &commitQueue{}
	q.filled.L = &q.mu
	return q
}

func (q *commitQueue) push(p *Partition) {
	q.mu.Lock()
	q.mu.list = append(q.mu.list, p)
	q.mu.Unlock()
	q.filled.Signal()
}

// await waits for partitions, or until the queue is closed.
func (q *commitQueue) await() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.awaitLocked()
}

func (q *commitQueue) awaitLocked() {
	for len(q.mu.list) == 0 && !q.mu.closed {
		q.filled.Wait()
	}
}

// pop waits for partitions and takes at most n, 0 meaning all, into list. It
// returns none once the queue is closed and empty.
func (q *commitQueue) pop(list []*Partition, n int) []*Partition {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.awaitLocked()
	if n == 0 || n > len(q.mu.list) {
		n = len(q.mu.list)
	}
	list = append(list[:0], q.mu.list[:n]...)
	rest := copy(q.mu.list, q.mu.list[n:])
	clear(q.mu.list[rest:])
	q.mu.list = q.mu.list[:rest]
	return list
}

func (q *commitQueue) close() {
	q.mu.Lock()
	q.mu.closed = true
	q.mu.Unlock()
	q.filled.Broadcast()
}

// runDirect is a worker that commits partitions straight to their segments.
func (l *Log) runDirect() {
	var list []*Partition
	for {
		if list = l.direct.pop(list, 1); len(list) == 0 {
			return
		}
		list[0].commitDirect()
		l.cache.trim(idleAge)
	}
}

// directPlan is what one direct commit does.
type directPlan struct {
	writes []segmentWrite
	end    place
	mark   mark // of end
	sync   bool
	// flushes wait for what was there when the commit began.
	flushes []func(error)
}

// segmentWrite brings the bytes of one segment from position from on to disk.
type segmentWrite struct {
	seg      *segment
	from, to int64
	spans    []span
	create   bool
	seal     bool
}

func (w *segmentWrite) open(files *fileCache) (*cachedFile, error) {
	if w.create {
		return w.seg.create(files)
	}
	return w.seg.open(files, true)
}

func (p *Partition) commitDirect() {
	plan := p.planDirect()
	err := p.write(plan)
	if err == nil {
		p.advanceWritten(plan.end.offset)
		if plan.sync {
			err = p.sync(plan)
		}
	}
	p.finishDirect(plan, err)
}

// planDirect decides what to write and makes it safe from the appends that go
// on meanwhile.
func (p *Partition) planDirect() *directPlan {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, active := &p.mu.commit, p.active()
	plan := &directPlan{end: active.end(), mark: active.mark(), flushes: c.flushes}
	plan.sync = c.wantFlush || c.wantSync || len(c.durable) > 0 || c.unsynced >= p.mu.settings.FlushMessages
	for _, s := range p.mu.segments[p.firstUnflushed():] {
		if s.written == s.size && s.flushed == s.size && (!s.sealed || s.exact) {
			continue
		}
		plan.sync = plan.sync || s.sealed
		s.tail.freeze()
		plan.writes = append(plan.writes, segmentWrite{
			seg: s, from: s.written, to: s.size, spans: s.tail.blocks(s.written), create: !s.onDisk, seal: s.sealed,
		})
	}
	c.unwritten, c.flushes, c.wantFlush, c.wantSync = 0, nil, false, false
	if plan.sync {
		c.unsynced = 0
	}
	return plan
}

// firstUnflushed is the position of the first segment that may have bytes that
// are not in its file. The lock is held.
func (p *Partition) firstUnflushed() int {
	i := len(p.mu.segments) - 1
	for i > 0 && p.mu.segments[i].base > p.mu.flushed.base {
		i--
	}
	return i
}

// index is the position of s in the list of segments. The lock is held.
func (p *Partition) index(s *segment) int {
	for i := len(p.mu.segments) - 1; i > 0; i-- {
		if p.mu.segments[i] == s {
			return i
		}
	}
	return 0
}

// write writes the planned bytes in whole blocks.
func (p *Partition) write(plan *directPlan) error {
	for i := range plan.writes {
		if err := p.writeSegment(&plan.writes[i]); err != nil {
			return err
		}
		if w := &plan.writes[i]; w.seal && i < len(plan.writes)-1 {
			// What follows must not be on disk before what precedes it.
			if err := p.syncSegment(w); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Partition) writeSegment(w *segmentWrite) error {
	if w.create {
		if err := p.makeFolder(); err != nil {
			return err
		}
	}
	f, err := w.open(p.log.files)
	if err != nil {
		return err
	}
	defer f.release()
	for _, sp := range w.spans {
		if _, err := f.WriteAt(sp.bytes, sp.pos); err != nil {
			return err
		}
	}
	p.log.wrote(w.to - w.from)
	return nil
}

// sync makes the planned writes durable.
func (p *Partition) sync(plan *directPlan) error {
	for i := range plan.writes {
		w := &plan.writes[i]
		if w.seal && i < len(plan.writes)-1 {
			continue // done on the way
		}
		if err := p.syncSegment(w); err != nil {
			return err
		}
	}
	return nil
}

// syncSegment makes a segment's file durable, with its name if it is new. A
// sealed segment gets its exact size and its indexes.
func (p *Partition) syncSegment(w *segmentWrite) error {
	f, err := w.seg.open(p.log.files, true)
	if err != nil {
		return err
	}
	defer f.release()
	if w.seal {
		if err := f.Truncate(w.to); err != nil {
			return err
		}
	}
	if err := p.log.timedSync(f); err != nil {
		return err
	}
	if w.seal {
		if err := p.writeAllIndexes(w.seg); err != nil {
			return err
		}
	}
	if w.create || w.seal {
		return p.syncDirs(w.create)
	}
	return nil
}

// syncDirs makes the names in the partition's folder durable, and with parent
// the folder's own.
func (p *Partition) syncDirs(parent bool) error {
	if err := p.log.fs.SyncDir(p.dir); err != nil {
		return err
	}
	if parent {
		return p.log.fs.SyncDir(p.log.topicsDir())
	}
	return nil
}

// advanceWritten answers the appends that wait for acks=1.
func (p *Partition) advanceWritten(end int64) {
	p.mu.Lock()
	done := take(&p.mu.commit.written, end)
	p.mu.Unlock()
	call(done, nil)
}

// finishDirect notes what the commit has achieved and starts the next one.
func (p *Partition) finishDirect(plan *directPlan, err error) {
	err = p.storageError(err)
	p.mu.Lock()
	for i := range plan.writes {
		w := &plan.writes[i]
		if err == nil {
			p.noteWritten(w, plan.sync)
		}
		for _, sp := range w.spans {
			if err == nil {
				p.log.cache.add(p, w.seg, sp.chunk)
			}
			sp.chunk.release()
		}
	}
	if err == nil && plan.sync {
		p.mu.commit.journal = 0
		p.setFlushed(plan.mark)
	}
	done := p.finish(plan.end, plan.sync, err)
	p.mu.Unlock()
	call(plan.flushes, err)
	call(done, err)
}

// noteWritten updates a segment after a write that succeeded. The lock is held.
func (p *Partition) noteWritten(w *segmentWrite, synced bool) {
	s := w.seg
	s.written = w.to
	if synced || w.seal {
		s.flushed, s.onDisk = w.to, true
	}
	if w.seal {
		s.exact = true
	}
}

// finish ends a commit: it advances the high watermark, collects the waiters to
// be called without the lock, and starts the next commit. The lock is held.
func (p *Partition) finish(end place, synced bool, err error) []func(error) {
	c := &p.mu.commit
	c.running = false
	defer p.room.Broadcast()
	if err != nil {
		return p.stop(err)
	}
	if !synced {
		p.armTimer()
		p.schedule()
		return nil
	}
	c.end = end
	var done []func(error)
	if end.offset > p.HighWatermark() {
		p.raiseWatermark(end.offset)
		p.notify()
	}
	done = append(take(&c.written, end.offset), take(&c.durable, end.offset)...)
	p.schedule()
	return done
}

// armTimer makes sure that a loosened topic is synced after flush.ms. The lock
// is held.
func (p *Partition) armTimer() {
	c := &p.mu.commit
	if c.timer != nil {
		return
	}
	c.timer = time.AfterFunc(p.flushDue(), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		c.timer = nil
		if p.HighWatermark() < p.LogEnd() {
			c.wantSync = true
			p.schedule()
		}
	})
}

// take removes the waiters that end satisfies.
func take(list *[]waiter, end int64) []func(error) {
	var out []func(error)
	n := 0
	for n < len(*list) && (*list)[n].end <= end {
		out = append(out, (*list)[n].done)
		n++
	}
	if n == len(*list) {
		*list = (*list)[:0]
	} else {
		*list = append((*list)[:0], (*list)[n:]...)
	}
	return out
}

func call(done []func(error), err error) {
	for _, f := range done {
		f(err)
	}
}

// storageError makes err, if there is one, a storage error of the partition.
func (p *Partition) storageError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s-%d: %w", ErrStorage, p.id.Topic, p.id.Partition, err)
}

// stop ends service after a failed write or sync: nothing more is taken until
// the partition has been recovered from disk. It returns the appends that have
// failed, which are answered with the same storage error. The lock is held.
func (p *Partition) stop(err error) []func(error) {
	if !p.mu.closed {
		p.mu.err = err
		p.log.repairs.push(p)
	}
	return p.abandon()
}

// abandon takes all waiters, in the order of their appends. The lock is held.
func (p *Partition) abandon() []func(error) {
	c := &p.mu.commit
	var out []func(error)
	for _, list := range []*[]waiter{&c.written, &c.durable} {
		for _, w := range *list {
			out = append(out, w.done)
		}
		*list = nil
	}
	out = append(out, c.flushes...)
	c.flushes = nil
	p.notify()
	return out
}

// flush brings everything up to now into the segments, synced. It returns the
// commit's error.
func (p *Partition) flush() error {
	p.mu.Lock()
	if err := p.mu.err; err != nil {
		p.mu.Unlock()
		return err
	}
	ch := make(chan error, 1)
	p.flushThen(func(err error) { ch <- err })
	p.mu.Unlock()
	return <-ch
}

// flushThen is flush without the wait. The lock is held.
func (p *Partition) flushThen(done func(error)) {
	c := &p.mu.commit
	c.flushes = append(c.flushes, done)
	c.wantFlush = true
	p.schedule()
}
