package batch

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// windowSize is how many decompressed bytes are held at a time, unless a single
// record has to be contiguous.
const windowSize = 32 << 10

var (
	errTooLarge = errors.New("records are larger than allowed once decompressed")
	errVarint   = errors.New("number is not a varint")
)

// stream reads what a decompressor gives, through a window. The first error
// sticks: later reads give zeros, so that callers check once a record.
type stream struct {
	src  io.Reader
	buf  []byte
	r, w int   // unread bytes are buf[r:w]
	base int64 // bytes that have left the window
	left int64 // bytes that src may yet give
	err  error
}

func (s *stream) reset(src io.Reader, limit int64) {
	if s.buf == nil {
		s.buf = make([]byte, windowSize)
	}
	*s = stream{src: src, buf: s.buf, left: limit}
}

// offset is the number of bytes consumed.
func (s *stream) offset() int64 { return s.base + int64(s.r) }

// fill makes at least one more byte available, or sets s.err. io.EOF means that
// the decompressor is at its end.
func (s *stream) fill() bool {
	if s.err != nil {
		return false
	}
	if s.r == s.w {
		s.base += int64(s.r)
		s.r, s.w = 0, 0
	}
	// Emptily returned reads are legal, but not for ever.
	for range 100 {
		n, err := s.src.Read(s.buf[s.w:])
		s.w += n
		s.left -= int64(n)
		switch {
		case s.left < 0:
			s.err = errTooLarge
			return false
		case n > 0:
			return true // an error with data comes again with the next read
		case err != nil:
			s.err = err
			return false
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// byte is small enough to be inlined.
func (s *stream) byte() byte {
	if s.r < s.w {
		s.r++
		return s.buf[s.r-1]
	}
	return s.firstByte()
}

func (s *stream) firstByte() byte {
	if !s.fill() {
		return 0
	}
	s.r++
	return s.buf[s.r-1]
}

func (s *stream) uvarint() (v uint64) {
	for shift := 0; shift < 64; shift += 7 {
		c := s.byte()
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if shift == 63 && c > 1 {
				break
			}
			return v
		}
	}
	s.fail(errVarint)
	return 0
}

func (s *stream) varlong() int64 { return unzigzag(s.uvarint()) }

func (s *stream) varint() int32 {
	u := s.uvarint()
	if u > math.MaxUint32 {
		s.fail(errVarint)
		return 0
	}
	return int32(unzigzag(u))
}

// field skips a length and as many bytes, and tells whether the field is null.
func (s *stream) field() (null bool) {
	n := s.varint()
	if n < -1 {
		s.fail(fmt.Errorf("field has length %d", n))
	}
	s.skip(int64(n))
	return n < 0
}

func (s *stream) skip(n int64) {
	for n > 0 && (s.r < s.w || s.fill()) {
		step := min(n, int64(s.w-s.r))
		s.r += int(step)
		n -= step
	}
}

// take gives the next n bytes, valid until the next read. The window grows as
// the bytes arrive, never by what n alone claims.
func (s *stream) take(n int) []byte {
	for s.w-s.r < n && s.err == nil {
		s.room()
		s.fill()
	}
	if s.w-s.r < n {
		return nil
	}
	b := s.buf[s.r : s.r+n : s.r+n]
	s.r += n
	return b
}

// room makes space in the window behind s.w.
func (s *stream) room() {
	if s.w < len(s.buf) {
		return
	}
	to := s.buf
	if s.r < len(s.buf)/2 {
		to = make([]byte, 2*len(s.buf))
	}
	s.w = copy(to, s.buf[s.r:s.w])
	s.base += int64(s.r)
	s.buf, s.r = to, 0
}

// fail sets the error that sticks.
func (s *stream) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// end verifies that nothing follows, which also makes the decompressor verify
// its checksum.
func (s *stream) end() error {
	s.skip(1)
	switch {
	case s.err == io.EOF:
		return nil
	case s.err != nil:
		return s.err
	}
	return errFollows
}

// streamed walks a compressed payload, which the records must fill.
func (w *walker) streamed(s *stream) error {
	for i := range w.count {
		if err := w.next(s, i); err != nil {
			return err
		}
	}
	if err := s.end(); err != nil {
		return fmt.Errorf("%w: after %d records: %w", ErrInvalidRecord, w.count, err)
	}
	return nil
}

// next checks record i.
func (w *walker) next(s *stream, i int32) error {
	size := int64(s.varint())
	end := s.offset() + size
	s.byte() // attributes
	timestamp := s.varlong()
	offset := s.varint()
	noKey := s.field()
	s.field()
	s.headers()
	if s.err == io.EOF {
		s.err = io.ErrUnexpectedEOF
	}
	if s.err != nil {
		return blame(i, "%w", s.err)
	}
	if over := s.offset() - end; over != 0 {
		return blame(i, "length is %d, the fields have %d", size, size+over)
	}
	return w.note(i, timestamp, offset, !noKey)
}

// headers skips a record's headers. A count that is too large fails where the
// bytes end.
func (s *stream) headers() {
	n := s.varint()
	if n < 0 {
		s.fail(errHeaderCount)
	}
	for i := int32(0); i < n && s.err == nil; i++ {
		if s.field() {
			s.fail(errHeaderKey)
		}
		s.field()
	}
}
