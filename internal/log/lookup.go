package log

import (
	"errors"
	"fmt"
	"io"

	"github.com/evidentlog/evident/internal/log/batch"
)

// OffsetForTime finds the first record below the high watermark whose timestamp
// is t (ms since the epoch) or later. ok is false if there is none.
func (p *Partition) OffsetForTime(t int64) (offset, timestamp int64, ok bool, err error) {
	return p.look(func() (found, error) {
		for _, s := range p.readableSegments() {
			if err := p.describe(s); err != nil {
				return found{}, err
			}
			if p.maxTime(s) < t {
				continue
			}
			if f, err := p.searchTime(s, t); f.ok || err != nil {
				return f, err
			}
		}
		return found{}, nil
	})
}

// MaxTimestamp finds the first record with the largest timestamp below the
// high watermark (KIP-734). ok is false if the partition is empty.
func (p *Partition) MaxTimestamp() (offset, timestamp int64, ok bool, err error) {
	return p.look(func() (found, error) {
		var best *segment
		largest := int64(-1)
		for _, s := range p.readableSegments() {
			t, err := p.largestTime(s)
			if err != nil {
				return found{}, err
			}
			if t > largest {
				best, largest = s, t
			}
		}
		if best == nil {
			return found{}, nil
		}
		return p.searchTime(best, largest)
	})
}

// found is a record that was looked for.
type found struct {
	offset, timestamp int64
	ok                bool
}

// look looks, once more each time that a segment was removed or replaced
// meanwhile.
func (p *Partition) look(f func() (found, error)) (offset, timestamp int64, ok bool, err error) {
	for {
		r, err := f()
		if gone := p.gone(); gone != nil {
			return 0, 0, false, gone
		}
		if err == nil {
			return r.offset, r.timestamp, r.ok, nil
		}
		if !errors.Is(err, errReplaced) {
			return 0, 0, false, p.readError(err)
		}
	}
}

// gone is the error if the partition was closed or deleted.
func (p *Partition) gone() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed {
		return p.mu.err
	}
	return nil
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

// maxTime is the largest timestamp of s below the high watermark.
func (p *Partition) maxTime(s *segment) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if end := &p.mu.commit.end; s == end.seg {
		return end.maxTime
	}
	return s.maxTime
}

// largestTime is the largest timestamp of s from the log start to the high
// watermark. Where the log start lies within s its records have to be looked at.
func (p *Partition) largestTime(s *segment) (int64, error) {
	if err := p.describe(s); err != nil {
		return 0, err
	}
	start := p.LogStart()
	if start <= s.base {
		return p.maxTime(s), nil
	}
	from, err := p.lookup(s, start)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	end := p.readable(s)
	p.mu.Unlock()
	largest := int64(-1)
	for sc := newScanner(segmentReader{p, s}, from.pos, end); ; {
		b, pos, err := sc.next()
		if err == io.EOF {
			return largest, nil
		}
		if err != nil {
			return 0, fmt.Errorf("%s at position %d: %w", s.logName(), pos, err)
		}
		t, err := p.largestOf(b, start)
		if err != nil {
			return 0, err
		}
		largest = max(largest, t)
	}
}

// largestOf is the largest timestamp of b's records from offset start on.
func (p *Partition) largestOf(b batch.Batch, start int64) (int64, error) {
	if b.BaseOffset() >= start {
		return b.MaxTimestamp(), nil
	}
	largest := int64(-1)
	for r, err := range p.log.codecs.Records(b) {
		if err != nil {
			return 0, fmt.Errorf("%w: batch at offset %d: %w", ErrCorruption, b.BaseOffset(), err)
		}
		if r.Offset >= start {
			largest = max(largest, r.Timestamp)
		}
	}
	return largest, nil
}

// searchTime finds the first record of s with a timestamp of at least t.
func (p *Partition) searchTime(s *segment, t int64) (found, error) {
	from, err := p.lookupTime(s, t)
	if err != nil {
		return found{}, err
	}
	p.mu.Lock()
	end := p.readable(s)
	p.mu.Unlock()
	for sc := newScanner(segmentReader{p, s}, from, end); ; {
		b, pos, err := sc.next()
		if err == io.EOF {
			return found{}, nil
		}
		if err != nil {
			return found{}, fmt.Errorf("%s at position %d: %w", s.logName(), pos, err)
		}
		if b.MaxTimestamp() < t {
			continue
		}
		if f, err := p.firstRecordAt(b, t); f.ok || err != nil {
			return f, err
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

func (p *Partition) firstRecordAt(b batch.Batch, t int64) (found, error) {
	for r, err := range p.log.codecs.Records(b) {
		if err != nil {
			return found{}, fmt.Errorf("%w: batch at offset %d: %w", ErrCorruption, b.BaseOffset(), err)
		}
		if r.Timestamp >= t && r.Offset >= p.LogStart() {
			return found{r.Offset, r.Timestamp, true}, nil
		}
	}
	return found{}, nil
}
