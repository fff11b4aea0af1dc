package log

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/evidentlog/evident/internal/log/batch"
)

// A Range is offsets of a partition, First to Last, both included.
type Range struct{ First, Last int64 }

// Erase destroys records for good: the segments that have them are written anew
// without them, and overwritten, and so is what the journal has of them. Offsets
// of other records, producers' state and transactions stay what they are, and
// readers skip the offsets, as those that compaction has removed. Markers of
// transactions are nobody's data, and stay. Offsets without a record are left
// alone; ranges are in rising order.
//
// When it returns nil no file of the log has a byte of the records. It waits for
// reads of the old files that are under way. After an error, or a crash, the log
// goes on by itself until it has succeeded, if what was to be erased had been
// noted: the error is ErrHeld, or wraps ErrOffsetOutOfRange, if it had not.
func (p *Partition) Erase(ctx context.Context, ranges []Range) error {
	if len(ranges) == 0 {
		return nil
	}
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	if err := p.checkErasure(ranges[len(ranges)-1].Last); err != nil {
		return err
	}
	// Whatever the log start is by now: the segment may be there all the same.
	if err := p.flush(); err != nil {
		return err
	}
	if err := p.intendErasure(ranges); err != nil {
		return p.storageError(err)
	}
	return p.finishErasure(ctx)
}

// checkErasure tells whether records up to an offset may be erased: all that is
// below has been decided, and is needed by nobody.
func (p *Partition) checkErasure(last int64) error {
	if err := p.Err(); err != nil {
		return err
	}
	if end := p.HighWatermark(); last >= end {
		return fmt.Errorf("%w: cannot erase offset %d, the high watermark is %d", ErrOffsetOutOfRange, last, end)
	}
	if end := min(p.LastStableOffset(), p.hold()); last >= end {
		return fmt.Errorf("%w: cannot erase offset %d yet, those from %d on are still needed, or part of a transaction that has not ended", ErrHeld, last, end)
	}
	return nil
}

// finishErasure does what the partition's intent says. The maintenance lock is
// held. It may be done again from its beginning.
func (p *Partition) finishErasure(ctx context.Context) error {
	p.mu.Lock()
	ranges := p.mu.erasing
	p.mu.Unlock()
	if len(ranges) == 0 {
		return nil
	}
	if err := p.sealBefore(ranges[len(ranges)-1].Last); err != nil {
		return err
	}
	e := &erasure{
		compaction: compaction{p: p, ctx: ctx, st: p.Settings(), now: p.log.cfg.Now(), rebuild: p.log.codecs.NewRebuilder()},
		ranges:     ranges,
	}
	if err := e.run(); err != nil {
		return fmt.Errorf("erasing of %s: %w", p.dir, err)
	}
	if err := p.log.journal.scrub(ctx); err != nil {
		return err
	}
	return p.forgetErasure()
}

// sealBefore sees to it that an offset is in a segment that takes no more.
func (p *Partition) sealBefore(offset int64) error {
	p.mu.Lock()
	if s := p.active(); p.mu.err == nil && s.size > 0 && s.base <= offset {
		p.roll()
	}
	p.mu.Unlock()
	return p.flush()
}

// erasure rewrites the sealed segments of a partition that have records to be
// erased. What is left of a batch, if need be nothing, stays where it was.
type erasure struct {
	compaction
	ranges []Range
}

func (e *erasure) run() error {
	e.copies, e.bury = e.copyBatch, e.buryFile
	if err := e.wipeAll(); err != nil { // what an earlier attempt left
		return err
	}
	list := e.affected()
	if n := len(list); n > 0 {
		if err := e.p.checkpointBeyond(list[n-1].next); err != nil {
			return err
		}
	}
	for _, s := range list {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		if err := e.replace(s); err != nil {
			return err
		}
	}
	return nil
}

// affected are the segments that may have records of the ranges.
func (e *erasure) affected() (list []*segment) {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	for _, s := range e.p.mu.segments {
		if s.exact && slices.ContainsFunc(e.ranges, func(r Range) bool { return r.First < s.next && r.Last >= s.base }) {
			list = append(list, s)
		}
	}
	return list
}

// holds tells whether an offset is to be erased.
func (e *erasure) holds(offset int64) bool {
	_, found := slices.BinarySearchFunc(e.ranges, offset, func(r Range, o int64) int {
		switch {
		case r.Last < o:
			return -1
		case r.First > o:
			return 1
		}
		return 0
	})
	return found
}

// copyBatch writes b without the records that are to be erased, at its place.
func (e *erasure) copyBatch(s *segment, w *appendWriter, b batch.Batch, _ int64) error {
	out := b
	if b.Attributes().Control() {
		e.noteMarker(s, b)
	} else {
		var err error
		if out, err = e.rebuild.Rebuild(b, 0, func(r *batch.Record) bool { return !e.holds(r.Offset) }); err != nil {
			return fmt.Errorf("%w: batch at offset %d: %w", ErrCorruption, b.BaseOffset(), err)
		}
	}
	s.note(out, s.size, e.st.IndexIntervalBytes)
	s.size += int64(len(out))
	return w.write(out)
}

// noteMarker takes over the index entry of a transaction that a marker aborted.
func (e *erasure) noteMarker(s *segment, b batch.Batch) {
	for _, a := range e.aborted[b.ProducerID()] {
		if a.last == b.LastOffset() {
			s.noteAborted(a)
		}
	}
}

// replace rewrites a segment, if it has anything that is to be erased, and does
// away with the old one.
func (e *erasure) replace(s *segment) error {
	has, err := e.concerns(s)
	if err != nil || !has {
		return err
	}
	if err := e.rewrite([]*segment{s}); err != nil {
		return err
	}
	return e.wipeAll()
}

// concerns tells whether a segment has a record that is to be erased. To find out
// by a copy would leave that copy to be overwritten, too.
func (e *erasure) concerns(s *segment) (has bool, err error) {
	err = e.each(s, func(b batch.Batch) error {
		between := func(r Range) bool { return r.First <= b.LastOffset() && r.Last >= b.BaseOffset() }
		if b.Attributes().Control() || !slices.ContainsFunc(e.ranges, between) {
			return nil
		}
		for r, err := range e.p.log.codecs.Records(b) {
			if err != nil {
				return fmt.Errorf("%w: batch at offset %d: %w", ErrCorruption, b.BaseOffset(), err)
			}
			if has = e.holds(r.Offset); has {
				return io.EOF
			}
		}
		return nil
	})
	if err == io.EOF {
		err = nil
	}
	return has, err
}
