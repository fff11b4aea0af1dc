package batch

import "sync"

// Codecs owns the compressors and decompressors, so that they are reused. The
// zero value is ready. It may be used concurrently and must not be copied.
type Codecs struct {
	decompressors [Zstd + 1]sync.Pool // of decompressor, by codec
	compressors   [Zstd + 1]sync.Pool // of compressor, by codec
	streams       sync.Pool           // of *stream
	// wide is held while a producer's zstd batch with a large window is
	// validated: one at a time, so that its memory is spent once.
	wide sync.Mutex
}
