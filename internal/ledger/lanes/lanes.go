// Package lanes computes SHA-256 of many messages, two at a time.
//
// The processor's SHA instructions wait for one another: a second message that
// is hashed between them is almost free (docs/decisions/0018-two-lanes.md). Where
// a processor has no such instructions, and on other than amd64, it calls
// crypto/sha256 for one message after the other. It is for leaves and nodes of
// trees, which are many and short; it is no replacement for crypto/sha256, and
// hashes nothing in parts.
package lanes

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/evidentlog/evident/proof"
)

const (
	blockSize  = sha256.BlockSize
	lengthSize = 8 // of the message, in bits, at the end of its padding
)

// Padded is the size of a message of n bytes with its padding.
func Padded(n int) int { return (n + 1 + lengthSize + blockSize - 1) / blockSize * blockSize }

// Pad appends the padding of the message b[from:] (FIPS 180-4, section 5.1.1).
func Pad(b []byte, from int) []byte {
	n := len(b) - from
	padding := [blockSize]byte{0x80}
	for left := Padded(n) - n - lengthSize; left > 0; left -= blockSize {
		b = append(b, padding[:min(left, blockSize)]...)
		padding[0] = 0
	}
	return binary.BigEndian.AppendUint64(b, uint64(n)<<3)
}

// Sum sets sums[i] to the hash of message i. The messages, sizes[i] bytes and
// their padding (see [Pad]), follow one another.
func Sum(sums []proof.Hash, messages []byte, sizes []int) {
	if !paired {
		sumOneByOne(sums, messages, sizes)
		return
	}
	q := queue{sums, messages, sizes, 0, 0}
	var a, b lane
	for q.fill(&a) && q.fill(&b) {
		n := min(a.left, b.left)
		blocks(&a.state, &b.state, &messages[a.at], &messages[b.at], n)
		q.advance(&a, n)
		q.advance(&b, n)
	}
	// What is left of one lane goes on beside a copy of itself.
	last := &a
	if b.left > 0 {
		last = &b
	}
	if last.left > 0 {
		same := last.state
		blocks(&last.state, &same, &messages[last.at], &messages[last.at], last.left)
		q.advance(last, last.left)
	}
}

func sumOneByOne(sums []proof.Hash, messages []byte, sizes []int) {
	at := 0
	for i, n := range sizes {
		sums[i] = sha256.Sum256(messages[at : at+n])
		at += Padded(n)
	}
}
