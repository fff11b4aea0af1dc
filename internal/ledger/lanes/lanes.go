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
	for len(sizes) > 1 && Padded(sizes[0]) == Padded(sizes[1]) {
		size := Padded(sizes[0])
		_ = messages[2*size-1] // pair does not check
		pair(&sums[0], &sums[1], &messages[0], &messages[size], size/blockSize)
		sums, messages, sizes = sums[2:], messages[2*size:], sizes[2:]
	}
	(&queue{sums: sums, messages: messages, sizes: sizes}).run()
}

func sumOneByOne(sums []proof.Hash, messages []byte, sizes []int) {
	at := 0
	for i, n := range sizes {
		_ = messages[at+Padded(n)-1] // as with pairs
		sums[i] = sha256.Sum256(messages[at : at+n])
		at += Padded(n)
	}
}
