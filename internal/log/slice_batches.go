package log

import (
	"fmt"
	"iter"

	"github.com/evidentlog/evident/internal/log/batch"
)

// SliceBatch is a whole batch in a Slice, of which only the header was read.
type SliceBatch struct {
	// Header is the batch's first [batch.HeaderSize] bytes, valid until the next
	// one is asked for.
	Header batch.Batch
	// Pos and Size say where in the slice the batch is, in bytes.
	Pos, Size int
}

// Batches gives the whole batches in s, in order. It reads their headers only.
// The error, after which the sequence ends, wraps ErrStorage.
func (s *Slice) Batches() iter.Seq2[SliceBatch, error] {
	return func(yield func(SliceBatch, error) bool) {
		header := make(batch.Batch, batch.HeaderSize)
		for pos := s.start; s.end-pos >= batch.HeaderSize; {
			if err := s.readHeader(header, pos); err != nil {
				yield(SliceBatch{}, s.p.readError(err))
				return
			}
			next := pos + header.Length()
			if next > s.end || !yield(SliceBatch{header, int(pos - s.start), int(header.Length())}, nil) {
				return
			}
			pos = next
		}
	}
}

// readHeader reads the header of the batch at pos.
func (s *Slice) readHeader(header batch.Batch, pos int64) error {
	if _, err := s.seg.readAt(s.p, header, pos); err != nil {
		return fmt.Errorf("%s at position %d: %w", s.seg.logName(), pos, err)
	}
	if _, err := batch.Size(header); err != nil {
		return fmt.Errorf("%w: %s at position %d: %w", ErrCorruption, s.seg.logName(), pos, err)
	}
	if header.BaseOffset() < s.seg.base {
		return fmt.Errorf("%w: %s at position %d: a batch with offset %d", ErrCorruption, s.seg.logName(), pos, header.BaseOffset())
	}
	return nil
}

// Cut makes s hold no more than its bytes [from, to), which must be within it.
// The error wraps ErrStorage.
func (s *Slice) Cut(from, to int) error {
	if s.seg == nil {
		return nil
	}
	s.start, s.end = s.start+int64(from), s.start+int64(to)
	if s.file != nil || from == 0 {
		return nil
	}
	if err := s.pin(); err != nil {
		return s.p.readError(err)
	}
	return nil
}
