package batch

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// compressor appends src, compressed, to dst.
type compressor interface {
	compress(dst, src []byte) ([]byte, error)
}

// compress appends src to dst, compressed with codec.
func (c *Codecs) compress(codec Codec, dst, src []byte) ([]byte, error) {
	if !codec.Known() {
		return nil, fmt.Errorf("%w: %v", ErrCompression, codec)
	}
	pool := &c.compressors[codec]
	z, ok := pool.Get().(compressor)
	if !ok {
		var err error
		if z, err = newCompressor(codec); err != nil {
			return nil, err
		}
	}
	defer pool.Put(z)
	dst, err := z.compress(dst, src)
	if err != nil {
		return nil, fmt.Errorf("compressing with %v: %w", codec, err)
	}
	return dst, nil
}

func newCompressor(codec Codec) (compressor, error) {
	switch codec {
	case Gzip:
		return streamCompressor{gzip.NewWriter(nil), new(appender)}, nil
	case Snappy:
		return xerialCompressor{}, nil
	case LZ4:
		return streamCompressor{lz4.NewWriter(nil), new(appender)}, nil
	default:
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(narrowWindow))
		return zstdCompressor{e}, err
	}
}

// streamCompressor is for codecs whose library only knows writers.
type streamCompressor struct {
	w interface {
		io.WriteCloser
		Reset(io.Writer)
	}
	out *appender
}

func (z streamCompressor) compress(dst, src []byte) ([]byte, error) {
	z.out.b = dst
	z.w.Reset(z.out)
	defer func() { z.out.b = nil }()
	if _, err := z.w.Write(src); err != nil {
		return nil, err
	}
	if err := z.w.Close(); err != nil {
		return nil, err
	}
	return z.out.b, nil
}

// appender is a writer that appends.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

type xerialCompressor struct{}

func (xerialCompressor) compress(dst, src []byte) ([]byte, error) { return appendXerial(dst, src), nil }

type zstdCompressor struct{ e *zstd.Encoder }

func (z zstdCompressor) compress(dst, src []byte) ([]byte, error) {
	return z.e.EncodeAll(src, dst), nil
}
