package broker

import (
	"math/bits"
	"sync"
)

// Buffers come in powers of two between these.
const (
	minBufferBits = 16 // 64 KiB
	maxBufferBits = 31
	minBuffer     = 1 << minBufferBits
)

// buffer is memory that is used again.
type buffer struct {
	b     []byte // all of it
	class int
}

// buffers keeps free buffers by size. Memory that was touched before is what
// makes large requests cheap.
type buffers struct {
	classes [maxBufferBits - minBufferBits + 1]sync.Pool
}

func classOf(n int) int {
	return max(bits.Len(uint(max(n, 1)-1)), minBufferBits) - minBufferBits
}

func classSize(class int) int { return 1 << (class + minBufferBits) }

// reuse returns a free buffer of at least n bytes, or nil: it allocates
// nothing, so n may be an unproven claim.
func (p *buffers) reuse(n int) *buffer {
	first := classOf(n)
	for class := first; class < len(p.classes) && class <= first+1; class++ {
		if b, ok := p.classes[class].Get().(*buffer); ok {
			return b
		}
	}
	return nil
}

// get returns a buffer of at least n bytes.
func (p *buffers) get(n int) *buffer {
	if b := p.reuse(n); b != nil {
		return b
	}
	class := classOf(n)
	return &buffer{b: make([]byte, classSize(class)), class: class}
}

// put takes back a buffer that nobody uses any more.
func (p *buffers) put(b *buffer) { p.classes[b.class].Put(b) }

const (
	smallScratch = 64 << 10
	// largeScratch is a usual max.partition.fetch.bytes. A quarter would fit a
	// core's cache, but waking the client four times as often costs more.
	largeScratch = 1 << 20
	// largeScratches bounds how much scratch memory slow clients can hold
	// before others must do with the small size.
	largeScratches = 64
)

// scratches lends the buffers through which stored batches go to a socket.
type scratches struct {
	small, large sync.Pool     // of *[]byte
	lent         chan struct{} // a token for each large one in use
}

func newScratches() *scratches {
	s := &scratches{lent: make(chan struct{}, largeScratches)}
	s.small.New = func() any { b := make([]byte, smallScratch); return &b }
	s.large.New = func() any { b := make([]byte, largeScratch); return &b }
	return s
}

// lend returns a buffer fit for moving n bytes, to be given back.
func (s *scratches) lend(n int) *[]byte {
	if n > smallScratch {
		select {
		case s.lent <- struct{}{}:
			return s.large.Get().(*[]byte)
		default:
		}
	}
	return s.small.Get().(*[]byte)
}

func (s *scratches) giveBack(b *[]byte) {
	if len(*b) == smallScratch {
		s.small.Put(b)
		return
	}
	s.large.Put(b)
	<-s.lent
}
