package log

import (
	"fmt"
	"io"

	"github.com/evidentlog/evident/internal/log/batch"
)

// OffsetForTime finds the first record below the high watermark whose timestamp
// is t (ms since the epoch) or later. ok is false if there is none.
func (p *Partition) OffsetForTime(t int64) (offset, timestamp int64, ok bool, err error) {
	for _, s := range p.readableSegments() {
		if err := p.describe(s); err != nil {
			return 0, 0, false, p.readError(err)
		}
		if p.maxTime(s) < t {
			continue
		}
		offset, timestamp, ok, err = p.searchTime(s, t)
		if ok || err != nil {
			return offset, timestamp, ok, err
		}
	}
	return 0, 0, false, nil
}

// MaxTimestamp finds the first record with the largest timestamp below the
// high watermark (KIP-734). ok is false if the partition is empty.
func (p *Partition) MaxTimestamp() (offset, timestamp int64, ok bool, err error) {
	var best *segment
	for _, s := range p.readableSegments() {
		if err := p.describe(s); err != nil {
			return 0, 0, false, p.readError(err)
		}
		if best == nil || p.maxTime(s) > p.maxTime(best) {
			best = s
		}
	}
	if best == nil || p.maxTime(best) < 0 {
		return 0, 0, false, nil
	}
	return p.searchTime(best, p.maxTime(best))
}

// readableSegments are the segments that hold records below the high watermark.
func (p *Partition) readableSegments() []*segment {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*segment
	for _, s := range p.mu.segments {
		if p.readable(s) > 0 {
			out = append(out, s)
		}
	}
	return out
}

func (p *Partition) maxTime(s *segment) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return s.maxTime
}

// searchTime finds the first record of s with a timestamp of at least t.
func (p *Partition) searchTime(s *segment, t int64) (offset, timestamp int64, ok bool, err error) {
	from, err := p.lookupTime(s, t)
	if err != nil {
		return 0, 0, false, p.readError(err)
	}
	p.mu.Lock()
	end := p.readable(s)
	p.mu.Unlock()
	for sc := newScanner(segmentReader{p, s}, from, end); ; {
		b, pos, err := sc.next()
		if err == io.EOF {
			return 0, 0, false, nil
		}
		if err != nil {
			return 0, 0, false, p.readError(fmt.Errorf("%s at position %d: %w", s.logName(), pos, err))
		}
		if b.MaxTimestamp() < t {
			continue
		}
		if offset, timestamp, ok, err = p.firstRecordAt(b, t); ok || err != nil {
			return offset, timestamp, ok, err
		}
	}
}

// lookupTime asks the time index of s for a position before which all records
// are older than t.
func (p *Partition) lookupTime(s *segment, t int64) (pos int64, err error) {
	p.mu.Lock()
	r := s.times.reader(p.log.files)
	p.mu.Unlock()
	defer r.close()
	e, ok, err := r.search(func(e []byte) bool {
		at, _ := timeOf(e)
		return at < t
	})
	if err != nil || !ok {
		return 0, err
	}
	_, rel := timeOf(e)
	c, err := p.lookup(s, s.base+int64(rel))
	return c.pos, err
}

func (p *Partition) firstRecordAt(b batch.Batch, t int64) (offset, timestamp int64, ok bool, err error) {
	for r, err := range p.log.codecs.Records(b) {
		if err != nil {
			return 0, 0, false, p.readError(fmt.Errorf("%w: batch at offset %d: %w", ErrCorruption, b.BaseOffset(), err))
		}
		if r.Timestamp >= t && r.Offset >= p.LogStart() {
			return r.Offset, r.Timestamp, true, nil
		}
	}
	return 0, 0, false, nil
}
