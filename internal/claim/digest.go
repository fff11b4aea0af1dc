package claim

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/evidentlog/evident/event"
)

// sum makes the digest of what is written to it.
type sum struct{ hash.Hash }

func newSum() sum { return sum{sha256.New()} }

func (s sum) digest() (d event.Digest) {
	s.Sum(d[:0])
	return d
}

func hexadecimal(d event.Digest) string { return hex.EncodeToString(d[:]) }
