package log

import (
	"fmt"

	"github.com/evidentlog/evident/internal/log/batch"
)

// runBytes is how much of a file is read at once for Runs.
const runBytes = 256 << 10

// Runs calls take with the whole batches in s, in order, several at once where they
// lie side by side, and with the offset after them; until take returns false. A batch
// that s has a part of only is left out.
//
// What memory has of the log is shown as it is: until take returns, a chunk of at
// most 1 MiB cannot be used again, and no lock is held. What is in the file, or in
// two chunks, is read into scratch, which grows to the largest batch and may be used
// for the next Runs. In both cases take must neither change the bytes nor keep them.
// The error wraps ErrStorage.
func (s *Slice) Runs(scratch *[]byte, take func(run []byte, next int64) bool) error {
	if s.seg == nil {
		return nil
	}
	for pos := s.start; pos < s.end; {
		n, more, err := s.run(pos, scratch, take)
		if err != nil {
			return s.p.readError(err)
		}
		if pos += n; !more {
			break
		}
	}
	return nil
}

// run shows take the batches from pos on, and returns their size. more is false if
// there is no whole one, or take has seen enough.
func (s *Slice) run(pos int64, scratch *[]byte, take func([]byte, int64) bool) (n int64, more bool, err error) {
	c, until := s.p.chunkAt(s.seg, pos)
	if c != nil {
		defer c.release()
		run, next := whole(c.buf[pos-c.start : min(until, s.end)-c.start])
		if len(run) > 0 {
			return s.show(pos, run, next, take)
		}
		until = pos // no more than the batch that ends in the next chunk
	}
	run, next, err := s.copied(pos, until, scratch)
	if err != nil || len(run) == 0 {
		return 0, false, err
	}
	return s.show(pos, run, next, take)
}

// show shows take batches at pos, and remembers where they end.
func (s *Slice) show(pos int64, run []byte, next int64, take func([]byte, int64) bool) (n int64, more bool, err error) {
	n = int64(len(run))
	s.p.mu.Lock()
	s.p.mu.cursors.put(cursor{seg: s.seg, offset: next, pos: pos + n}, true)
	s.p.mu.Unlock()
	return n, take(run, next), nil
}

// copied reads the batch at pos, and whole ones after it that begin before until,
// into scratch.
func (s *Slice) copied(pos, until int64, scratch *[]byte) (run []byte, next int64, err error) {
	if s.end-pos < batch.PeekSize {
		return nil, 0, nil
	}
	head := s.scratch(scratch, batch.PeekSize)
	if err := s.fill(head, pos); err != nil {
		return nil, 0, err
	}
	size, err := batch.Size(head)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %s at position %d: %w", ErrCorruption, s.seg.logName(), pos, err)
	}
	if size > s.end-pos {
		return nil, 0, nil
	}
	b := s.scratch(scratch, max(size, min(until, s.end, pos+runBytes)-pos))
	if err := s.fill(b, pos); err != nil {
		return nil, 0, err
	}
	run, next = whole(b)
	return run, next, nil
}

func (s *Slice) scratch(scratch *[]byte, n int64) []byte {
	if int64(cap(*scratch)) < n {
		*scratch = make([]byte, n)
	}
	return (*scratch)[:n]
}

// fill reads len(b) bytes at pos from wherever they are.
func (s *Slice) fill(b []byte, pos int64) error {
	for len(b) > 0 {
		c, until := s.p.chunkAt(s.seg, pos)
		var n int
		if c != nil {
			n = copy(b, c.buf[pos-c.start:until-c.start])
			c.release()
		} else {
			part, err := s.load(b, pos, until)
			if err != nil {
				return fmt.Errorf("%s at position %d: %w", s.seg.logName(), pos, err)
			}
			n = len(part)
		}
		b, pos = b[n:], pos+int64(n)
	}
	return nil
}

// whole is the whole batches that b begins with, and the offset after them.
func whole(b []byte) (run []byte, next int64) {
	n := int64(0)
	for {
		size, err := batch.Size(b[n:])
		if err != nil || size > int64(len(b))-n {
			return b[:n], next
		}
		next = batch.Batch(b[n:]).NextOffset()
		n += size
	}
}
