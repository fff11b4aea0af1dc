package lanes

import (
	"encoding/binary"

	"github.com/evidentlog/evident/proof"
)

// A state is an intermediate hash value in the order in which the processor's
// instructions want its words: f e b a, h g d c.
type state [8]uint32

// initial is the value of FIPS 180-4, section 5.3.3.
var initial = state{0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667, 0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372}

func (s *state) put(h *proof.Hash) {
	for i, word := range [8]uint32{s[3], s[2], s[7], s[6], s[1], s[0], s[5], s[4]} {
		binary.BigEndian.PutUint32(h[4*i:], word)
	}
}

// A lane is a message that is being hashed.
type lane struct {
	state state
	index int // of the message
	at    int // where its next block lies
	left  int // blocks
}

// A queue gives out messages of any length to lanes, in their order.
type queue struct {
	sums     []proof.Hash
	messages []byte
	sizes    []int
	next     int // the first message that no lane had
	at       int // where it lies
}

// run hashes all messages. A lane that has ended its message goes on with the next
// one, whatever the other is at.
func (q *queue) run() {
	var a, b lane
	for q.fill(&a) && q.fill(&b) {
		n := min(a.left, b.left)
		blocks(&a.state, &b.state, &q.messages[a.at], &q.messages[b.at], n)
		q.advance(&a, n)
		q.advance(&b, n)
	}
	last := &a
	if b.left > 0 {
		last = &b
	}
	if last.left > 0 { // beside a copy of itself
		same := last.state
		blocks(&last.state, &same, &q.messages[last.at], &q.messages[last.at], last.left)
		q.advance(last, last.left)
	}
}

// fill gives a lane that has nothing to do the next message. It returns false if
// there is none.
func (q *queue) fill(l *lane) bool {
	if l.left > 0 {
		return true
	}
	if q.next == len(q.sizes) {
		return false
	}
	size := Padded(q.sizes[q.next])
	*l = lane{initial, q.next, q.at, size / blockSize}
	_ = q.messages[l.at+size-1] // blocks does not check
	q.next++
	q.at += size
	return true
}

// advance notes that a lane has n blocks less to do.
func (q *queue) advance(l *lane, n int) {
	l.at += n * blockSize
	if l.left -= n; l.left == 0 {
		l.state.put(&q.sums[l.index])
	}
}
