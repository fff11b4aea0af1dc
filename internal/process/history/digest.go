package history

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
)

// A Digest is one of many states, which are added in the order of their keys.
type Digest struct{ sum hash.Hash }

// NewDigest returns the digest of no states.
func NewDigest() Digest { return Digest{sha256.New()} }

// Add adds the state of a key.
func (d Digest) Add(key string, s State) { fmt.Fprintf(d.sum, "%q %s\n", key, s) }

// String is the digest of what was added so far.
func (d Digest) String() string { return hex.EncodeToString(d.sum.Sum(nil)[:8]) }

// digestOf is the digest of a task's states.
func digestOf(states map[string]State) string {
	d := NewDigest()
	for _, key := range slices.Sorted(maps.Keys(states)) {
		d.Add(key, states[key])
	}
	return d.String()
}
