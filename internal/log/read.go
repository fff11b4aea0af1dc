package log

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/evidentlog/evident/internal/log/batch"
)

// Slice is a run of stored batches that has not been read yet. The last batch
// may be cut short, as the Kafka protocol allows. It holds its segment's file
// open until it is closed, so it stays readable when the segment is removed.
type Slice struct {
	p          *Partition
	seg        *segment    // nil: empty
	start, end int64       // file positions
	whole      bool        // end is where all ends that could be read of seg
	file       *cachedFile // nil while memory has the bytes
}

// Read plans a read of at most maxBytes from the batch that contains offset,
// and never past the high watermark. With minOne the first batch is taken whole
// even if it is larger. An offset equal to the high watermark gives an empty
// Slice; outside [LogStart, HighWatermark] the error wraps ErrOffsetOutOfRange.
// An error of the disk wraps ErrStorage, and damage ErrCorruption as well.
func (p *Partition) Read(offset int64, maxBytes int, minOne bool) (*Slice, error) {
	return p.read(offset, math.MaxInt64, maxBytes, minOne)
}

// read is Read that does not reach up to the batch with the offset end.
func (p *Partition) read(offset, end int64, maxBytes int, minOne bool) (*Slice, error) {
	for {
		seg, limit, from, err := p.locate(offset, end)
		if err == nil && seg == nil {
			return &Slice{}, nil
		}
		s := &Slice{p: p, seg: seg, start: from.pos, end: limit}
		if err == nil {
			err = s.plan(from, offset, end, maxBytes, minOne)
		}
		switch {
		case err == nil:
			s.whole = s.end == limit
			return s, nil
		case errors.Is(err, errReplaced): // now there is another segment, or another log start
		case errors.Is(err, ErrOffsetOutOfRange), errors.Is(err, ErrDeleted), errors.Is(err, ErrClosed):
			return nil, err
		default:
			return nil, p.readError(err)
		}
	}
}

// plan finds where s begins and ends, not above the offset end, and opens its file.
func (s *Slice) plan(from cursor, offset, end int64, maxBytes int, minOne bool) (err error) {
	if from.offset != offset {
		if s.start, err = s.seek(from.pos, offset); err != nil {
			return err
		}
	}
	switch {
	case s.start < s.end:
	case s.seg.reaches(s.p, end): // compaction has removed what lay below end
		s.seg, s.end = nil, s.start
		return nil
	default: // segments reach up to each other
		return fmt.Errorf("%w: %s ends before offset %d: the segment that held it is missing", ErrCorruption, s.seg.logName(), offset)
	}
	if err := s.clip(maxBytes, minOne); err != nil {
		return err
	}
	return s.pin()
}

// reaches tells whether the offset lies in the segment.
func (s *segment) reaches(p *Partition, offset int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return offset < s.next
}

// pin opens the segment's file, unless memory has the first bytes.
func (s *Slice) pin() error {
	if c, _ := s.p.chunkAt(s.seg, s.start); c != nil {
		c.release()
		return nil
	}
	return s.open()
}

func (s *Slice) open() error {
	f, err := s.seg.open(s.p.log.files, false)
	if err != nil {
		return err
	}
	s.file = f
	return nil
}

// locate finds the segment that holds offset, where its readable bytes below the
// offset end end, and a position at or before the batch.
func (p *Partition) locate(offset, end int64) (seg *segment, limit int64, from cursor, err error) {
	p.mu.Lock()
	if p.mu.closed {
		defer p.mu.Unlock()
		return nil, 0, from, p.mu.err
	}
	hw := p.HighWatermark()
	if offset < p.LogStart() || offset > hw {
		p.mu.Unlock()
		return nil, 0, from, fmt.Errorf("%w: %d is not in [%d, %d]", ErrOffsetOutOfRange, offset, p.LogStart(), hw)
	}
	if offset >= min(hw, end) {
		p.mu.Unlock()
		return nil, 0, from, nil
	}
	seg = p.segmentOf(offset)
	limit = p.readable(seg)
	hit, ok := p.mu.cursors.find(seg, offset)
	within := end < min(hw, seg.next)
	p.mu.Unlock()
	if within {
		if limit, err = p.positionOf(seg, end, limit); err != nil {
			return nil, 0, from, err
		}
	}
	if ok {
		return seg, limit, hit, nil
	}
	from, err = p.lookup(seg, offset)
	return seg, limit, from, err
}

// positionOf returns where in seg, before limit, the batch with offset begins.
func (p *Partition) positionOf(seg *segment, offset, limit int64) (int64, error) {
	p.mu.Lock()
	hit, ok := p.mu.cursors.find(seg, offset)
	p.mu.Unlock()
	if ok {
		return hit.pos, nil
	}
	from, err := p.lookup(seg, offset)
	if err != nil {
		return 0, err
	}
	return (&Slice{p: p, seg: seg, end: limit}).seek(from.pos, offset)
}

// segmentOf returns the segment that holds offset, or would. The lock is held.
func (p *Partition) segmentOf(offset int64) *segment {
	i, found := slices.BinarySearchFunc(p.mu.segments, offset, func(s *segment, o int64) int {
		return int(max(-1, min(1, s.base-o)))
	})
	if !found {
		i--
	}
	s := p.mu.segments[max(i, 0)]
	for offset >= s.next && i+1 < len(p.mu.segments) { // compaction left a gap
		i++
		s = p.mu.segments[i]
	}
	return s
}

// readable is the position in s up to which readers may see. The lock is held.
func (p *Partition) readable(s *segment) int64 {
	end := &p.mu.commit.end
	switch {
	case s == end.seg:
		return end.pos
	case s.base < end.seg.base:
		return s.size
	}
	return 0
}

// lookup asks the offset index of s for a position at or before offset.
func (p *Partition) lookup(s *segment, offset int64) (cursor, error) {
	if err := p.describe(s); err != nil {
		return cursor{}, err
	}
	p.mu.Lock()
	r := s.offsets.reader(p.log.files)
	p.mu.Unlock()
	defer r.close()
	rel := max(0, offset-s.base)
	e, ok, err := r.search(func(e []byte) bool {
		at, _ := offsetOf(e)
		return int64(at) <= rel
	})
	if err != nil {
		return cursor{}, fmt.Errorf("index %s: %w", s.offsets.name, err)
	}
	if !ok {
		return cursor{offset: s.base}, nil
	}
	at, pos := offsetOf(e)
	c := cursor{seg: s, offset: s.base + int64(at), pos: int64(pos)}
	if b, err := (&Slice{p: p, seg: s}).header(c.pos); err != nil || b.LastOffset() != c.offset {
		return cursor{offset: s.base}, p.distrust(s, err)
	}
	return c, nil
}

// seek returns the position of the batch that contains offset, or of the first
// after it.
func (s *Slice) seek(pos, offset int64) (int64, error) {
	for pos < s.end {
		b, err := s.header(pos)
		if err != nil {
			return 0, err
		}
		if b.LastOffset() >= offset {
			return pos, nil
		}
		pos += b.Length()
	}
	return pos, nil
}

// header reads the header of the batch at pos.
func (s *Slice) header(pos int64) (batch.Batch, error) {
	b := make(batch.Batch, batch.HeaderSize)
	if err := s.readHeader(b, pos); err != nil {
		return nil, err
	}
	return b, nil
}

// clip ends the slice after maxBytes, or after its first batch.
func (s *Slice) clip(maxBytes int, minOne bool) error {
	if s.end-s.start <= int64(maxBytes) {
		return nil
	}
	most := int64(maxBytes)
	if minOne {
		b, err := s.header(s.start)
		if err != nil {
			return err
		}
		most = max(most, b.Length())
	}
	s.end = min(s.end, s.start+most)
	return nil
}

// readError makes an error of reading one of the partition's, and forgets the
// positions known, so that the next read begins from the index.
func (p *Partition) readError(err error) error {
	p.mu.Lock()
	p.mu.cursors = cursors{}
	p.mu.Unlock()
	p.log.cfg.Logger.Error("cannot read a partition", "partition", p.dir, "error", err)
	return fmt.Errorf("%w: %w", ErrStorage, err)
}

// Size is the number of bytes that WriteTo writes.
func (s *Slice) Size() int { return int(s.end - s.start) }

// Close releases the file that s holds open.
func (s *Slice) Close() {
	if s.file != nil {
		s.file.release()
		s.file = nil
	}
}

// WriteTo writes exactly Size bytes to w. What is still in memory goes to w as
// it is, the rest passes through buf, scratch space of at least 64 KiB. After an
// error an unknown number of bytes has been written.
func (s *Slice) WriteTo(w io.Writer, buf []byte) error {
	if s.seg == nil {
		return nil
	}
	walk := walker{next: s.start}
	for pos := s.start; pos < s.end; {
		n, err := s.writeSome(w, buf, pos, &walk)
		if err != nil {
			return err
		}
		pos += int64(n)
	}
	s.p.mu.Lock()
	s.p.mu.cursors.put(cursor{seg: s.seg, offset: walk.offset, pos: walk.next}, walk.valid)
	s.p.mu.Unlock()
	return nil
}

// writeSome writes one run of bytes at pos and returns its length.
func (s *Slice) writeSome(w io.Writer, buf []byte, pos int64, walk *walker) (int, error) {
	c, until := s.p.chunkAt(s.seg, pos)
	if c != nil {
		defer c.release()
		b := c.buf[pos-c.start : min(until, s.end)-c.start]
		walk.feed(b, pos)
		return w.Write(b)
	}
	b, err := s.load(buf, pos, min(until, s.end))
	if err != nil {
		return 0, s.p.readError(fmt.Errorf("%s at position %d: %w", s.seg.logName(), pos, err))
	}
	walk.feed(b, pos)
	return w.Write(b)
}

// load reads bytes [pos, end), or as many as fit, from the file into buf.
func (s *Slice) load(buf []byte, pos, end int64) ([]byte, error) {
	if s.file == nil {
		if err := s.open(); err != nil {
			return nil, err
		}
	}
	b := buf[:min(int64(len(buf)), end-pos)]
	_, err := s.file.ReadAt(b, pos)
	return b, err
}

// chunkAt returns the chunk that holds the byte at pos with a reference for the
// caller and the position where its bytes end; or nil and the position up to
// which the file has to be read.
func (p *Partition) chunkAt(s *segment, pos int64) (*chunk, int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := s.tail.at(pos); c != nil {
		return c, c.end()
	}
	if i := s.tail.find(pos) + 1; i < len(s.tail.chunks) {
		return nil, s.tail.chunks[i].start
	}
	return nil, s.size
}

// readAt reads from memory or from the file, whichever has the bytes.
func (s *segment) readAt(p *Partition, b []byte, pos int64) (int, error) {
	n := 0
	for n < len(b) {
		c, until := p.chunkAt(s, pos)
		if c != nil {
			k := copy(b[n:], c.buf[pos-c.start:until-c.start])
			c.release()
			n, pos = n+k, pos+int64(k)
			continue
		}
		if until <= pos {
			return n, io.EOF
		}
		k, err := s.readFile(p, b[n:min(int64(len(b)), int64(n)+until-pos)], pos)
		n, pos = n+k, pos+int64(k)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (s *segment) readFile(p *Partition, b []byte, pos int64) (int, error) {
	f, err := s.open(p.log.files, false)
	if err != nil {
		return 0, err
	}
	defer f.release()
	return f.ReadAt(b, pos)
}

// Bytes reads the whole slice into memory.
func (s *Slice) Bytes() ([]byte, error) {
	if s.seg == nil {
		return nil, nil
	}
	b := make([]byte, s.Size())
	if _, err := s.seg.readAt(s.p, b, s.start); err != nil {
		return nil, s.p.readError(fmt.Errorf("%s at position %d: %w", s.seg.logName(), s.start, err))
	}
	return b, nil
}

// segmentReader reads the bytes of a segment wherever they are.
type segmentReader struct {
	p *Partition
	s *segment
}

// ReadAt implements io.ReaderAt; at the end of the segment it returns io.EOF.
func (r segmentReader) ReadAt(b []byte, pos int64) (int, error) { return r.s.readAt(r.p, b, pos) }
