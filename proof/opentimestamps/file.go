package opentimestamps

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// magic begins a file, and version follows it.
const (
	magic   = "\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94"
	version = 1
)

// Limits of what is parsed. OpenTimestamps' own programs have those of depth,
// arguments and payloads.
const (
	// MaxSize is how long a file or a calendar's answer can be, in bytes.
	MaxSize    = 1 << 16
	maxDepth   = 256
	maxURI     = 1000
	maxPayload = 8192
)

// A File is a timestamp of a digest: a file that ends in .ots.
type File struct {
	Hash   Op // how the digest was made: SHA1, RIPEMD160 or SHA256
	Digest []byte
	Tree   Tree
}

// New returns the file for a SHA-256 digest and its tree.
func New(digest [sha256.Size]byte, t Tree) *File { return &File{SHA256, digest[:], t} }

// Parse reads a file, which must be the whole of b.
func Parse(b []byte) (*File, error) {
	r, err := newReader(b)
	if err != nil {
		return nil, err
	}
	if r.text(len(magic)) != magic {
		return nil, errors.New("timestamp: not a file of OpenTimestamps")
	}
	if v := r.number(); v != version && r.err == nil {
		return nil, fmt.Errorf("timestamp: version %d, and this program knows %d only", v, version)
	}
	f := &File{Hash: r.op()}
	if r.err == nil && (f.Hash.digest() == nil || f.Hash == Keccak256) {
		return nil, fmt.Errorf("timestamp: operation %#02x does not make digests of files", byte(f.Hash))
	}
	if r.err == nil {
		f.Digest = r.bytes(f.Hash.digest().Size())
		f.Tree = r.tree(maxDepth)
	}
	if err := r.finish(); err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	return f, nil
}

// ParseTree reads the tree of a message, as calendars answer it. It must be the
// whole of b.
func ParseTree(b []byte) (Tree, error) {
	r, err := newReader(b)
	if err != nil {
		return nil, err
	}
	t := r.tree(maxDepth)
	if err := r.finish(); err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	return t, nil
}

// Bytes returns the file as Parse reads it.
func (f *File) Bytes() []byte {
	b := append([]byte(magic), version, byte(f.Hash))
	return f.Tree.AppendTo(append(b, f.Digest...))
}
