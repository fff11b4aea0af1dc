package seen

import (
	"crypto/sha256"
	"encoding/binary"
)

// IDSize is the size of an ID in bytes.
const IDSize = 16

// An ID stands for what it was made from: the first half of its SHA-256.
type ID [IDSize]byte

// Of is the ID of what has these parts, in this order.
func Of(parts ...[]byte) ID {
	var room [256]byte
	text := room[:0]
	for _, p := range parts {
		text = AppendPart(text, p)
	}
	return Sum(text)
}

// AppendPart appends a part to a text for [Sum]: its length, and then itself, so that
// no two lists of parts have the same text.
func AppendPart(text, part []byte) []byte {
	return append(binary.AppendUvarint(text, uint64(len(part))), part...)
}

// Sum is the ID of the parts in a text.
func Sum(text []byte) ID {
	sum := sha256.Sum256(text)
	return ID(sum[:IDSize])
}
