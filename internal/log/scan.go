package log

import (
	"errors"
	"fmt"
	"io"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

const scanBuffer = 1 << 20

// scanner reads batches one after the other from r, between pos and end. Its
// reads are aligned to blocks, so r may be a direct file.
type scanner struct {
	r    io.ReaderAt
	pos  int64 // of the next batch
	end  int64
	buf  []byte // aligned
	at   int64  // file position of buf[0]; a multiple of the block size
	have int    // bytes of buf that are filled
}

func newScanner(r io.ReaderAt, pos, end int64) *scanner {
	return &scanner{r: r, pos: pos, end: end, buf: vfs.AlignedBuffer(int(min(scanBuffer, blockCeil(end-blockFloor(pos))+vfs.BlockSize)))}
}

// next returns the next batch and its position. The batch is valid until the
// following call. At the end err is io.EOF; what does not begin with a sound
// batch header is an error that wraps ErrCorruption, and an error of the disk
// is itself. The batch's checksum is the caller's to check.
func (s *scanner) next() (b batch.Batch, pos int64, err error) {
	pos = s.pos
	if pos >= s.end {
		return nil, pos, io.EOF
	}
	head, err := s.need(pos, batch.PeekSize)
	if err != nil {
		return nil, pos, err
	}
	n, err := batch.Size(head)
	if err != nil {
		return nil, pos, fmt.Errorf("%w: %w", ErrCorruption, err)
	}
	raw, err := s.need(pos, n)
	if err != nil {
		return nil, pos, err
	}
	s.pos += n
	return batch.Batch(raw), pos, nil
}

// need returns the n bytes at pos.
func (s *scanner) need(pos, n int64) ([]byte, error) {
	if pos+n > s.end {
		return nil, fmt.Errorf("%w: a batch of %d bytes or more at position %d goes beyond the end, %d", ErrCorruption, n, pos, s.end)
	}
	if pos < s.at || pos+n > s.at+int64(s.have) {
		if err := s.fill(pos, n); err != nil {
			return nil, err
		}
	}
	off := pos - s.at
	return s.buf[off : off+n : off+n], nil
}

func (s *scanner) fill(pos, n int64) error {
	start := blockFloor(pos)
	want := int(blockCeil(pos+n) - start)
	if want > len(s.buf) {
		s.buf = vfs.AlignedBuffer(want)
	}
	got, err := s.r.ReadAt(s.buf, start)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	s.at, s.have = start, got
	if start+int64(got) < pos+n {
		return fmt.Errorf("%w: the file ends at position %d, %d bytes were expected at %d", ErrCorruption, start+int64(got), n, pos)
	}
	return nil
}
