package proof

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// A Hash is a SHA-256 hash: of a leaf, of a node, of a whole tree.
type Hash = tlog.Hash

// SaltSize is the size of a salt in bytes.
const SaltSize = 16

// A Salt hides a record behind its commitment. Each offset has its own, from a
// cryptographic generator; whoever has the record and not the salt cannot tell
// whether the commitment is to this record.
type Salt [SaltSize]byte

// Commit returns the commitment to what opens it: the salt, followed by the
// canonical form of the record.
func Commit(opening []byte) Hash { return sha256.Sum256(opening) }

// EntrySize is the size of an entry in bytes.
const EntrySize = 49

// entryVersion is the first byte of an entry. It stands for the layout of the
// entry and of the canonical form.
const entryVersion = 1

// An Entry is a leaf of a partition's tree.
type Entry struct {
	Offset     int64 // also the index of the leaf
	Timestamp  int64 // Unix milliseconds, the record's; -1 for lost offsets
	Commitment Hash
}

// Append appends the entry's 49 bytes to b and returns it.
func (e *Entry) Append(b []byte) []byte {
	b = append(b, entryVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Offset))
	b = binary.BigEndian.AppendUint64(b, uint64(e.Timestamp))
	return append(b, e.Commitment[:]...)
}

// ParseEntry reads an entry, which must be the whole of b.
func ParseEntry(b []byte) (Entry, error) {
	if len(b) != EntrySize {
		return Entry{}, fmt.Errorf("ledger entry: %d bytes, not %d", len(b), EntrySize)
	}
	if b[0] != entryVersion {
		return Entry{}, fmt.Errorf("ledger entry: version %d, and this program knows version %d only", b[0], entryVersion)
	}
	e := Entry{
		Offset:    int64(binary.BigEndian.Uint64(b[1:])),
		Timestamp: int64(binary.BigEndian.Uint64(b[9:])),
	}
	if e.Offset < 0 {
		return Entry{}, fmt.Errorf("ledger entry: offset %d is negative", e.Offset)
	}
	copy(e.Commitment[:], b[17:])
	return e, nil
}

// LeafHash returns the hash of the entry as a leaf (RFC 6962, section 2.1).
func (e *Entry) LeafHash() Hash {
	var leaf [1 + EntrySize]byte // the first byte is that of leaves, 0x00
	e.Append(leaf[:1])
	return sha256.Sum256(leaf[:])
}
