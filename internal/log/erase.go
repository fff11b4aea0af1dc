package log

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/evidentlog/evident/internal/log/batch"
)

// A Range is offsets of a partition, First to Last, both included.
type Range struct{ First, Last int64 }

// An UnreadableError tells of records that were to be erased and are still there:
// their batches cannot be read, so nobody can tell which bytes are theirs. Whoever
// erases all offsets of such a batch destroys it as a whole.
type UnreadableError struct {
	Partition string  // folder
	Offsets   []Range // in rising order
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("%s: batches with the offsets %v cannot be read, and nothing was erased from them", e.Partition, e.Offsets)
}

// Erase destroys records for good: the segments that have them are written anew
// without them, and overwritten, and so is what the journal has of them. Offsets
// of other records, producers' state and transactions stay what they are, and
// readers skip the offsets, as those that compaction has removed. Markers of
// transactions are nobody's data, and stay. Offsets without a record are left
// alone; ranges are in rising order.
//
// When it returns nil no file of the log has a byte of the records; if it is an
// *UnreadableError, none but those that it names. It waits for reads of the old
// files that are under way. After any other error, or a crash, the log goes on by
// itself until it has succeeded, if what was to be erased had been noted: the error
// is ErrHeld, or wraps ErrOffsetOutOfRange, if it had not.
func (p *Partition) Erase(ctx context.Context, ranges []Range) error {
	if len(ranges) == 0 {
		return nil
	}
	left, read, err := p.beginErasure(ctx, ranges)
	for err == nil && read != nil {
		if err := p.log.files.awaitIdle(ctx, read); err != nil {
			return fmt.Errorf("waiting for reads of what was erased from %s: %w", p.dir, err)
		}
		var more []Range
		more, read, err = p.tryErasure(ctx)
		left = mergeRanges(left, more)
	}
	if err != nil {
		return err
	}
	return p.unreadable(overlap(left, ranges))
}

// unreadable is the error for records that could not be erased, nil if there are none.
func (p *Partition) unreadable(left []Range) error {
	if len(left) == 0 {
		return nil
	}
	return &UnreadableError{p.dir, left}
}

// beginErasure notes an erasure, and tries it for the first time: at once, or whoever
// else tries it before would be told what of it cannot be read.
func (p *Partition) beginErasure(ctx context.Context, ranges []Range) (left []Range, read *owner, err error) {
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	if err := p.noteErasure(ranges); err != nil {
		return nil, nil, err
	}
	return p.goOnErasing(ctx)
}

// noteErasure notes durably what is to be erased. The maintenance lock is held.
func (p *Partition) noteErasure(ranges []Range) error {
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
	return nil
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

// tryErasure does what the partition's intent says, and may be done again from its
// beginning. It does not wait for reads: read has a file that somebody still reads,
// and the erasure goes on when it is called again. left cannot be erased at all.
func (p *Partition) tryErasure(ctx context.Context) (left []Range, read *owner, err error) {
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	return p.goOnErasing(ctx)
}

// goOnErasing is tryErasure with the maintenance lock held.
func (p *Partition) goOnErasing(ctx context.Context) (left []Range, read *owner, err error) {
	p.mu.Lock()
	ranges, err := p.mu.erasing, p.mu.err
	p.mu.Unlock()
	if err != nil || ranges == nil {
		return nil, nil, err
	}
	if n := len(ranges); n > 0 {
		if err := p.sealBefore(ranges[n-1].Last); err != nil {
			return nil, nil, err
		}
	}
	e := &erasure{
		compaction: compaction{p: p, ctx: ctx, st: p.Settings(), now: p.log.cfg.Now(), rebuild: p.log.codecs.NewRebuilder()},
		ranges:     ranges,
	}
	if err := e.run(); err != nil {
		return nil, nil, fmt.Errorf("erasing of %s: %w", p.dir, err)
	}
	if read := p.readBuried(); read != nil {
		return e.left, read, nil
	}
	if err := p.log.journal.scrub(ctx); err != nil {
		return nil, nil, err
	}
	return e.left, nil, p.forgetErasure()
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
	left   []Range // of the ranges, that cannot be erased since their batches cannot be read
}

func (e *erasure) run() error {
	e.copies, e.bury = e.copyBatch, e.p.bury
	if err := e.p.wipeIdle(); err != nil { // first: a full disk has room then
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
		if _, has := touching(e.ranges, s.base, s.next-1); has && s.exact {
			list = append(list, s)
		}
	}
	return list
}

// holds tells whether an offset is to be erased.
func (e *erasure) holds(offset int64) bool {
	_, holds := touching(e.ranges, offset, offset)
	return holds
}

// copyBatch writes b without the records that are to be erased, at its place.
func (e *erasure) copyBatch(s *segment, w *appendWriter, b batch.Batch, _ int64) error {
	out := b
	if b.Attributes().Control() {
		e.noteMarker(s, b)
	} else {
		var err error
		if out, err = e.rebuild.Rebuild(b, 0, func(r *batch.Record) bool { return !e.holds(r.Offset) }); err != nil {
			out = e.copyUnreadable(b)
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

// copyUnreadable is what becomes of a batch that nobody can take records out of:
// if all that it has is to be erased it becomes an empty one, else it stays.
func (e *erasure) copyUnreadable(b batch.Batch) batch.Batch {
	if e.covers(b) {
		return e.rebuild.Empty(b)
	}
	e.leave(b.BaseOffset(), b.LastOffset())
	return b
}

// covers tells whether all offsets of a batch are to be erased.
func (e *erasure) covers(b batch.Batch) bool {
	r, ok := touching(e.ranges, b.BaseOffset(), b.LastOffset())
	return ok && r.First <= b.BaseOffset() && b.LastOffset() <= r.Last
}

// leave notes that what was to be erased from first to last cannot be.
func (e *erasure) leave(first, last int64) {
	e.left = mergeRanges(e.left, overlap(e.ranges, []Range{{first, last}}))
}

// replace rewrites a segment, if it has anything that is to be erased, and does
// away with the old one. One that is damaged stays: others must not wait for it.
func (e *erasure) replace(s *segment) error {
	has, err := e.concerns(s)
	if err == nil && has {
		err = e.rewrite([]*segment{s})
	}
	if errors.Is(err, ErrCorruption) && e.p.Err() == nil {
		e.leave(s.base, s.next-1)
		return nil
	}
	if err != nil || !has {
		return err
	}
	return e.p.wipeIdle()
}

// concerns tells whether a segment has a record that is to be erased. To find out
// by a copy would leave that copy to be overwritten, too.
func (e *erasure) concerns(s *segment) (has bool, err error) {
	err = e.each(s, func(b batch.Batch) error {
		if _, between := touching(e.ranges, b.BaseOffset(), b.LastOffset()); !between || b.Attributes().Control() {
			return nil
		}
		if has = e.concernsBatch(b); has {
			return io.EOF
		}
		return nil
	})
	if err == io.EOF {
		err = nil
	}
	return has, err
}

func (e *erasure) concernsBatch(b batch.Batch) bool {
	for r, err := range e.p.log.codecs.Records(b) {
		if err != nil {
			if e.covers(b) {
				return true
			}
			e.leave(b.BaseOffset(), b.LastOffset())
			return false
		}
		if e.holds(r.Offset) {
			return true
		}
	}
	return false
}
