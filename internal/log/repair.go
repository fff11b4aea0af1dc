package log

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

const (
	repairFirst = 100 * time.Millisecond
	repairMost  = 5 * time.Second
)

// runRepairs brings partitions back that a failed write or sync has stopped. It
// tries each again and again, more and more slowly: a full disk is freed some day.
func (l *Log) runRepairs(ctx context.Context) {
	var list, waiting []*Partition
	stopped := make(chan *Partition)
	go l.feedRepairs(stopped)
	wait := repairFirst
	for {
		var timer <-chan time.Time
		if len(waiting) > 0 {
			timer = time.After(wait)
		}
		select {
		case p, ok := <-stopped:
			if !ok {
				return
			}
			l.cfg.Logger.Error("partition stopped", "partition", p.dir, "error", p.Err())
			waiting = append(waiting, p)
			wait = repairFirst
			continue
		case <-timer:
		}
		list, waiting = waiting, list[:0]
		for _, p := range list {
			if !p.tryRepair(ctx) {
				waiting = append(waiting, p)
			}
		}
		wait = min(2*wait, repairMost)
	}
}

// feedRepairs hands the queue's partitions on until it is closed.
func (l *Log) feedRepairs(out chan<- *Partition) {
	defer close(out)
	var list []*Partition
	for {
		if list = l.repairs.pop(list, 0); len(list) == 0 {
			return
		}
		for _, p := range list {
			out <- p
		}
	}
}

// fail stops the partition because of err, unless it is stopped already, and
// returns why it is stopped.
func (p *Partition) fail(err error) error {
	p.mu.Lock()
	var done []func(error)
	if p.mu.err == nil {
		done = p.stop(p.storageError(err))
	}
	why := p.mu.err
	p.mu.Unlock()
	call(done, why)
	return why
}

// tryRepair returns whether the partition needs no more attempts.
func (p *Partition) tryRepair(ctx context.Context) bool {
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	p.mu.Lock()
	gone := p.mu.closed
	p.mu.Unlock()
	if gone || ctx.Err() != nil {
		return true
	}
	err := p.repair()
	switch {
	case err == nil:
		p.log.cfg.Logger.Info("partition is back in service", "partition", p.dir, "end", p.LogEnd())
	case errors.Is(err, ErrCorruption):
		p.log.cfg.Logger.Error("partition cannot be repaired", "partition", p.dir, "error", err)
		p.mu.Lock()
		if !p.mu.closed {
			p.mu.err, p.mu.damaged = fmt.Errorf("%w: %w", ErrStorage, err), true
		}
		p.mu.Unlock()
		return true
	default:
		p.log.cfg.Logger.Debug("partition is still stopped", "partition", p.dir, "error", err)
	}
	return err == nil
}

// repair makes the disk hold exactly what was durable when the partition
// stopped, and starts from there. Memory beyond that is dropped: its appends
// have been answered with an error. The maintenance lock is held.
func (p *Partition) repair() error {
	end, err := p.rewrite()
	if err != nil {
		return err
	}
	if err := p.voidJournal(end.offset); err != nil {
		return err
	}
	r := p.newRecovery()
	r.must = end.offset
	if err := r.run(); err != nil {
		return err
	}
	if r.damage == nil && r.next != end.offset {
		r.damage = fmt.Errorf("%w: %s ends at offset %d after recovery, %d was durable", ErrCorruption, p.dir, r.next, end.offset)
	}
	if r.damage != nil {
		return r.damage
	}
	if err := p.clipErasure(end.offset); err != nil { // before anything is appended
		return err
	}
	p.resumeFrom(r)
	return nil
}

// rewrite writes what only memory and the journal have into the segments again,
// removes what goes beyond the durable end, and returns that.
func (p *Partition) rewrite() (end place, err error) {
	p.mu.Lock()
	for p.mu.commit.running {
		p.room.Wait()
	}
	end = p.mu.commit.end
	first, last := p.firstUnflushed(), p.index(end.seg)
	keep := slices.Clone(p.mu.segments[min(first, last) : last+1])
	beyond := slices.Clone(p.mu.segments[last+1:])
	p.mu.Unlock()
	if err := p.makeFolder(); err != nil {
		return end, err
	}
	if err := removeNewestFirst(p.log, p.dir, beyond); err != nil {
		return end, err
	}
	for _, s := range keep {
		upTo := s.size
		if s == end.seg {
			upTo = end.pos
		}
		if err := p.rewriteSegment(s, upTo); err != nil {
			return end, err
		}
	}
	if err := p.syncDirs(true); err != nil {
		return end, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.commit.journal = 0
	p.room.Broadcast()
	return end, nil
}

// rewriteSegment makes the file of s hold the bytes up to upTo and no more. The
// file is opened anew: of an old one with a failed sync nothing is known.
func (p *Partition) rewriteSegment(s *segment, upTo int64) error {
	p.log.files.drop(s.owner, s.files()...)
	f, err := s.create(p.log.files)
	if err != nil {
		return err
	}
	defer f.release()
	p.mu.Lock()
	start := blockFloor(s.flushed)
	var tail []byte
	if upTo > s.flushed {
		tail = aligned(s.tail.copyTo(nil, start, upTo))
	}
	p.mu.Unlock()
	if _, err := f.WriteAt(tail, start); err != nil {
		return err
	}
	if err := f.Truncate(upTo); err != nil {
		return err
	}
	return p.log.timedSync(f)
}

// resumeFrom puts a recovered partition back into service.
func (p *Partition) resumeFrom(r *recovery) {
	p.indexing.Lock()
	defer p.indexing.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takeSegments(r)
	active := p.active()
	p.setProducers(r.producers)
	p.setFlushed(active.mark())
	p.mu.cursors = cursors{}
	c := &p.mu.commit
	c.end = active.end()
	c.unwritten, c.unsynced, c.journal = 0, 0, 0
	c.wantFlush, c.wantSync = false, false
	p.logEnd.Store(active.next)
	p.mu.lowered = false
	if !p.mu.closed {
		p.mu.err = nil
	}
	p.notify()
	p.room.Broadcast()
}

// takeSegments replaces the segments that r has scanned, and keeps the others,
// of which more is known than r does. The lock is held.
func (p *Partition) takeSegments(r *recovery) {
	scanned := r.segments[r.first:]
	known := p.mu.segments
	for i, s := range known {
		if s.base >= scanned[0].base {
			known = known[:i]
			break
		}
	}
	for _, s := range p.mu.segments[len(known):] {
		p.retire(s)
	}
	p.mu.segments = slices.Concat(known, scanned)
}

// aligned is a copy of b in aligned memory, with zeros up to a whole block.
func aligned(b []byte) []byte {
	out := vfs.AlignedBuffer(len(b))
	copy(out, b)
	return out
}
