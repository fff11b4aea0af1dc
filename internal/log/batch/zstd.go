package batch

import (
	"bytes"

	"github.com/klauspost/compress/zstd"
)

// A zstd frame names the window that its decoder must keep. Up to narrowWindow,
// which is what RFC 8878 (section 3.1.1.1.2) asks every decoder to support and
// what levels up to 19 use, decoders are pooled. Up to maxWindow, the limit of
// the Java client's decoder, a decoder is made for the one frame.
const (
	narrowWindow = 8 << 20
	maxWindow    = 128 << 20
)

// wideWindow tells whether payload starts with a frame whose window is larger
// than narrowWindow.
func wideWindow(payload []byte) bool { return zstdWindow(payload) > narrowWindow }

// zstdWindow is the window that the first frame wants; 0 if it cannot be told,
// in which case decoding fails.
func zstdWindow(payload []byte) uint64 {
	var h zstd.Header
	if h.Decode(payload[:min(len(payload), zstd.HeaderMaxSize)]) != nil {
		return 0
	}
	if h.SingleSegment {
		return h.FrameContentSize
	}
	return h.WindowSize
}

type zstdReader struct {
	narrow        *zstd.Decoder // kept for the next payload
	*zstd.Decoder               // in use: narrow, or a wide one
	src           bytes.Reader
}

// open chooses by the first frame; a frame that wants more fails when it is read.
func (r *zstdReader) open(payload []byte) (err error) {
	if r.narrow == nil {
		if r.narrow, err = newZstdDecoder(narrowWindow); err != nil {
			return err
		}
	}
	r.Decoder = r.narrow
	if wideWindow(payload) {
		if r.Decoder, err = newZstdDecoder(maxWindow); err != nil {
			return err
		}
	}
	r.src.Reset(payload)
	return r.Reset(&r.src)
}

func (r *zstdReader) close() bool {
	r.src.Reset(nil)
	if r.Decoder != nil && r.Decoder != r.narrow {
		r.Decoder.Close()
	} else if r.narrow != nil {
		_ = r.narrow.Reset(nil) // lets go of the payload; nil is not an error
	}
	r.Decoder = nil
	return true
}

// newZstdDecoder makes a decoder that works in the caller's goroutine. The size
// of the output is limited elsewhere.
func newZstdDecoder(window uint64) (*zstd.Decoder, error) {
	return zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(window))
}
