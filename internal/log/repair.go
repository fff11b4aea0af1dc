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
		p.mu.err = fmt.Errorf("%w: %w", ErrStorage, err)
		p.mu.Unlock()
		return true
	default:
		p.log.cfg.Logger.Debug("partition is still stopped", "partition", p.dir, "error", err)
	}
	return err == nil
}

// repair makes the disk hold exactly what was durable when the partition
// stopped, and starts from there. Memory beyond that is dropped: its appends
// have been answered with an error.
func (p *Partition) repair() error {
	p.mu.Lock()
	end := p.mu.commit.end
	later := append([]*segment(nil), p.mu.segments[p.index(end.seg)+1:]...)
	p.mu.Unlock()
	for _, s := range later {
		if err := s.removeFiles(p.log.fs, p.log.files); err != nil {
			return err
		}
	}
	if err := p.rewrite(end); err != nil {
		return err
	}
	r := &recovery{log: p.log, id: p.id, dir: p.dir, settings: p.Settings(), from: p.log.lastCheckpoint(p.id.key())}
	if err := r.run(); err != nil {
		return err
	}
	if r.damage != nil {
		return r.damage
	}
	if r.next != end.offset {
		return fmt.Errorf("%w: %s ends at offset %d after recovery, %d was durable", ErrCorruption, p.dir, r.next, end.offset)
	}
	p.resumeFrom(r)
	return nil
}

// rewrite writes what only the journal has into the segment again and cuts it
// at the durable end. The file is opened anew: of an old one with a failed sync
// nothing is known.
func (p *Partition) rewrite(end place) error {
	s := end.seg
	p.log.files.drop(s.logName())
	p.mu.Lock()
	fresh := s.size == 0 || end.pos == 0
	tail := s.tail.copyTo(nil, min(blockFloor(s.flushed), end.pos), end.pos)
	start := blockFloor(s.flushed)
	p.mu.Unlock()
	if fresh {
		if err := s.removeFiles(p.log.fs, p.log.files); err != nil {
			return err
		}
		if err := p.makeFolder(); err != nil {
			return err
		}
		return p.syncDirs(true)
	}
	w := segmentWrite{seg: s, from: start, to: end.pos, create: true, seal: false, spans: []span{{bytes: aligned(tail), pos: start}}}
	if err := p.writeSegment(&w); err != nil {
		return err
	}
	f, err := p.log.files.open(s.logName(), true)
	if err != nil {
		return err
	}
	defer f.release()
	if err := f.Truncate(end.pos); err != nil {
		return err
	}
	return p.syncSegment(&w)
}

// resumeFrom puts a recovered partition back into service.
func (p *Partition) resumeFrom(r *recovery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	active := r.segments[len(r.segments)-1]
	i := slices.IndexFunc(p.mu.segments, func(s *segment) bool { return s.base >= active.base })
	for _, s := range p.mu.segments[i:] {
		s.tail.reset()
		s.replaced = true
	}
	p.mu.segments = append(p.mu.segments[:i:i], active)
	p.mu.producers, p.mu.flushed, p.mu.cursors = r.producers, active.mark(), cursors{}
	c := &p.mu.commit
	c.end = place{active, active.size, active.next}
	c.unwritten, c.unsynced, c.journal, c.reset = 0, 0, 0, true
	c.wantFlush, c.wantSync = false, false
	p.logEnd.Store(active.next)
	p.mu.err = nil
	p.notify()
	p.room.Broadcast()
}

// aligned is a copy of b in aligned memory, with zeros up to a whole block.
func aligned(b []byte) []byte {
	out := vfs.AlignedBuffer(len(b))
	copy(out, b)
	return out
}
