package log

import (
	"fmt"
	"io"
)

// Truncate removes all records at and after offset; of a batch that contains
// offset, all of it goes. It waits for the appends that are under way; others
// fail with ErrStorage meanwhile. If it fails half-way, the partition is stopped
// until the truncation has been completed.
func (p *Partition) Truncate(offset int64) error {
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	why := fmt.Errorf("%w: %s-%d is being truncated", ErrStorage, p.id.Topic, p.id.Partition)
	defer p.drain(nil)
	if err := p.drain(why); err != nil {
		return err
	}
	if offset < p.LogStart() || offset > p.LogEnd() {
		return fmt.Errorf("%w: cannot truncate to %d, the partition has [%d, %d]", ErrOffsetOutOfRange, offset, p.LogStart(), p.LogEnd())
	}
	if offset == p.LogEnd() {
		return nil
	}
	end, err := p.cutPoint(offset)
	if err != nil {
		return p.readError(err)
	}
	if err := p.suspend(why); err != nil {
		return err
	}
	if err := p.forgetBeyond(end); err != nil {
		p.unsuspend()
		return err
	}
	return p.cut(end)
}

// drain makes appends fail with why from now on, and waits until all that were
// taken are in the segments. With nil appends are taken again.
func (p *Partition) drain(why error) error {
	p.mu.Lock()
	p.mu.draining = why
	p.room.Broadcast()
	p.mu.Unlock()
	if why == nil {
		return nil
	}
	return p.flush()
}

// cutPoint is the place behind the last batch that stays.
func (p *Partition) cutPoint(offset int64) (place, error) {
	p.mu.Lock()
	seg := p.segmentOf(offset)
	limit := p.readable(seg)
	at := place{seg: seg, offset: seg.base, maxTime: seg.maxTime}
	p.mu.Unlock()
	from, err := p.lookup(seg, offset-1)
	if err != nil {
		return place{}, err
	}
	s := &Slice{p: p, seg: seg, end: limit}
	at.pos = from.pos
	for at.pos < limit {
		b, err := s.header(at.pos)
		if err != nil {
			return place{}, err
		}
		if b.LastOffset() >= offset {
			break
		}
		at.pos += b.Length()
		at.offset = b.NextOffset()
	}
	return at, nil
}

// suspend stops the partition, with no commit under way.
func (p *Partition) suspend(why error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.mu.commit.running {
		p.room.Wait()
	}
	if p.mu.err == nil {
		p.mu.err = why
		return nil
	}
	return p.mu.err
}

func (p *Partition) unsuspend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mu.closed {
		p.mu.err = nil
	}
}

// forgetBeyond makes recovery expect nothing beyond end: neither for the
// checkpoint's sake, which would call the cut damage, nor for the journal's. All
// that there is stands in the segments.
func (p *Partition) forgetBeyond(end place) error {
	producers, err := p.producersBefore(end.seg)
	if err != nil {
		return p.readError(err)
	}
	p.mu.Lock()
	before, known, start := p.mu.flushed, p.mu.producers, p.LogStart()
	p.logStart.Store(min(start, end.offset))
	p.mu.flushed = mark{offset: end.seg.base, base: end.seg.base, maxTime: -1, maxTimeOffset: -1, created: end.seg.created}
	p.mu.producers, p.mu.lowered = producers, true
	p.mu.Unlock()
	err = p.log.writeCheckpoints()
	if err == nil {
		err = p.voidJournal(end.offset)
	}
	if err == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.flushed, p.mu.producers, p.mu.lowered = before, known, false
	p.logStart.Store(start)
	return err
}

// producersBefore is what was known of producers when the segment s began. Only
// if markers are among what is about to go, or to be read once more, that is not
// known any longer: then the segments before s are read.
func (p *Partition) producersBefore(s *segment) (*producerTable, error) {
	p.mu.Lock()
	i := p.index(s)
	list, known := p.mu.segments, p.mu.producers
	p.mu.Unlock()
	marked := false
	for _, s := range list[i:] {
		for sc := newScanner(segmentReader{p, s}, 0, s.size); !marked; {
			b, _, err := sc.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
			marked = b.Attributes().Control()
		}
	}
	if !marked {
		return known, nil
	}
	return p.log.relearn(list[:i], s.base, known)
}

// cut removes what is beyond end.
func (p *Partition) cut(end place) error {
	p.mu.Lock()
	// Who is open again is known after the repair.
	p.firstUnstable.Store(min(p.firstUnstable.Load(), end.seg.base))
	p.highWatermark.Store(end.offset)
	p.logEnd.Store(end.offset)
	p.mu.commit.end, p.mu.cursors = end, cursors{}
	p.mu.touched = true
	p.mu.Unlock()
	if err := p.repair(); err != nil {
		p.unsuspend()
		return p.fail(err)
	}
	return nil
}
