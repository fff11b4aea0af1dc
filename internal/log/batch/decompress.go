package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/pierrec/lz4/v4"
)

// decompressor is a reusable io.Reader over one payload.
type decompressor interface {
	io.Reader
	// open starts on a payload.
	open(payload []byte) error
	// close lets go of the payload. It tells whether the decompressor may be
	// used again.
	close() (reusable bool)
}

// walkCompressed takes w through a compressed batch of at most limit bytes.
func (c *Codecs) walkCompressed(w *walker, b Batch, limit int64) (int64, error) {
	codec := b.Attributes().Codec()
	if codec == Zstd && wideWindow(b.Payload()) {
		c.wide.Lock()
		defer c.wide.Unlock()
	}
	s, release, err := c.openStream(codec, b.Payload(), limit)
	if err != nil {
		return 0, err
	}
	defer release()
	err = w.streamed(s)
	return s.offset(), err
}

// openStream opens a compressed payload. release must be called in the end.
func (c *Codecs) openStream(codec Codec, payload []byte, limit int64) (s *stream, release func(), err error) {
	d, err := c.decompressor(codec, payload)
	if err != nil {
		return nil, nil, err
	}
	s, ok := c.streams.Get().(*stream)
	if !ok {
		s = new(stream)
	}
	s.reset(d, limit)
	return s, func() { c.release(codec, d, s) }, nil
}

// decompressor opens the payload with a fresh or used decompressor.
func (c *Codecs) decompressor(codec Codec, payload []byte) (decompressor, error) {
	if !codec.Known() || codec == None {
		return nil, fmt.Errorf("%w: %v", ErrCompression, codec)
	}
	d, ok := c.decompressors[codec].Get().(decompressor)
	if !ok {
		d = newDecompressor(codec)
	}
	if err := d.open(payload); err != nil {
		if d.close() {
			c.decompressors[codec].Put(d)
		}
		return nil, fmt.Errorf("%w: %v: %w", ErrInvalidRecord, codec, err)
	}
	return d, nil
}

// release gives decompressor and stream back. A window that grew for a large
// record is not kept.
func (c *Codecs) release(codec Codec, d decompressor, s *stream) {
	if d.close() {
		c.decompressors[codec].Put(d)
	}
	s.src = nil
	if len(s.buf) > windowSize {
		s.buf = nil
	}
	c.streams.Put(s)
}

func newDecompressor(codec Codec) decompressor {
	switch codec {
	case Gzip:
		return new(gzipReader)
	case Snappy:
		return new(snappyReader)
	case LZ4:
		return &lz4Reader{Reader: lz4.NewReader(nil)}
	default:
		return new(zstdReader)
	}
}

type gzipReader struct {
	gzip.Reader
	src bytes.Reader
}

func (r *gzipReader) open(payload []byte) error {
	r.src.Reset(payload)
	return r.Reset(&r.src)
}

func (r *gzipReader) close() bool {
	r.src.Reset(nil)
	return true
}

type lz4Reader struct {
	*lz4.Reader
	src bytes.Reader
}

// Fields of an LZ4 frame's first bytes: magic, then the flags.
const (
	lz4Magic       = 0x184D2204
	lz4Independent = 0x20
)

var errLZ4Frame = errors.New("not an LZ4 frame of independent blocks")

// open refuses legacy frames and dependent blocks, because the Java client,
// and so Kafka's validation, cannot read them.
func (r *lz4Reader) open(payload []byte) error {
	if len(payload) < 5 || binary.LittleEndian.Uint32(payload) != lz4Magic || payload[4]&lz4Independent == 0 {
		return errLZ4Frame
	}
	r.src.Reset(payload)
	r.Reset(&r.src)
	return nil
}

func (r *lz4Reader) close() bool {
	r.src.Reset(nil)
	r.Reset(nil)
	return true
}
