package log

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/evidentlog/evident/internal/vfs"
)

const (
	minChunk = vfs.BlockSize
	maxChunk = 1 << 20
	// spareChunkBytes bounds the memory that the pool keeps for reuse. Memory
	// touched for the first time costs more than the copy into it.
	spareChunkBytes = 64 << 20
)

// A chunk holds the bytes of a segment from file position start, which is a
// multiple of the block size. buf[:n] is filled in by the partition's appends, under
// its lock; bytes below n never change, so whoever holds a reference reads
// them without the lock.
type chunk struct {
	start int64
	buf   []byte
	n     int
	// frozen: the unfilled part of the last block is zero and stays so,
	// because a commit writes it. The next append begins another chunk.
	frozen bool
	cached bool // the tail cache knows it; guarded by the partition's lock

	refs atomic.Int32
	pool *chunkPool
}

func (c *chunk) end() int64 { return c.start + int64(c.n) }

func (c *chunk) acquire() *chunk {
	c.refs.Add(1)
	return c
}

func (c *chunk) release() {
	if c.refs.Add(-1) == 0 {
		c.pool.put(c)
	}
}

// chunkPool hands out chunks in sizes of powers of two from minChunk to
// maxChunk and keeps some of those given back.
type chunkPool struct {
	mu struct {
		sync.Mutex
		spare [9][]*chunk // by log2(size/minChunk)
		bytes int
	}
}

func chunkClass(n int) int {
	if n <= minChunk {
		return 0
	}
	if n >= maxChunk {
		return 8
	}
	return bits.Len(uint(n-1)) - bits.Len(uint(minChunk-1))
}

// get returns a chunk of at least n bytes, but of maxChunk at most, with one
// reference.
func (p *chunkPool) get(n int, start int64) *chunk {
	class := chunkClass(n)
	c := p.take(class)
	if c == nil {
		c = &chunk{buf: vfs.AlignedBuffer(minChunk << class), pool: p}
	}
	c.start, c.n, c.frozen, c.cached = start, 0, false, false
	c.refs.Store(1)
	return c
}

func (p *chunkPool) take(class int) *chunk {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.mu.spare[class]
	if len(s) == 0 {
		return nil
	}
	c := s[len(s)-1]
	s[len(s)-1] = nil
	p.mu.spare[class] = s[:len(s)-1]
	p.mu.bytes -= len(c.buf)
	return c
}

func (p *chunkPool) put(c *chunk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.bytes+len(c.buf) > spareChunkBytes {
		return
	}
	p.mu.bytes += len(c.buf)
	class := chunkClass(len(c.buf))
	p.mu.spare[class] = append(p.mu.spare[class], c)
}

// shrink forgets the spare chunks, when nothing has been appended for a while.
func (p *chunkPool) shrink() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.mu.spare {
		p.mu.spare[i] = nil
	}
	p.mu.bytes = 0
}
