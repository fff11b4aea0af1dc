// Package tree grows RFC 6962 trees leaf by leaf and gives out the hashes of
// their tiles (C2SP tlog-tiles) in the order in which they become final.
//
// A tree keeps one hash for each bit of its size and reads nothing to grow. It
// does no I/O: what a caller stores is the streams, one for each level of tiles,
// that only ever grow at their ends.
package tree

import (
	"fmt"
	"math/bits"

	"github.com/evidentlog/evident/proof"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	// TileHeight is how many levels of a tree a tile spans: a tile has at most
	// 256 hashes.
	TileHeight = 8
	// TileWidth is the number of hashes in a full tile.
	TileWidth = 1 << TileHeight
	// Levels is how many levels of tiles a tree of any size has.
	Levels = 8
)

// Streams receive the hashes of tiles: a level's hashes follow one another as
// bytes.
type Streams [Levels][]byte

// A Tree is the right edge of a Merkle tree. The zero value is an empty tree.
// It may be copied; it is not for concurrent use.
type Tree struct {
	size int64
	// edge has the roots of the complete subtrees that the leaves form, largest
	// first: one for each bit that is set in size.
	edge []proof.Hash
}

// Size is the number of leaves.
func (t *Tree) Size() int64 { return t.size }

// Append adds a leaf by its hash. Hashes of tiles that become final are
// appended to the streams; the leaf's own is one, at level 0.
func (t *Tree) Append(leaf proof.Hash, s *Streams) {
	h := leaf
	s[0] = append(s[0], h[:]...)
	t.size++
	// Each trailing zero of the new size stands for a subtree that is now complete.
	for level := 1; level <= bits.TrailingZeros64(uint64(t.size)); level++ {
		last := len(t.edge) - 1
		h = tlog.NodeHash(t.edge[last], h)
		t.edge = t.edge[:last]
		if level%TileHeight == 0 {
			s[level/TileHeight] = append(s[level/TileHeight], h[:]...)
		}
	}
	t.edge = append(t.edge, h)
}

// Root returns the hash of the whole tree.
func (t *Tree) Root() proof.Hash {
	if t.size == 0 {
		return emptyRoot()
	}
	h := t.edge[len(t.edge)-1]
	for i := len(t.edge) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.edge[i], h)
	}
	return h
}

func emptyRoot() proof.Hash {
	h, err := tlog.TreeHash(0, nil)
	if err != nil {
		panic(fmt.Sprintf("hash of the empty tree: %v", err)) // it reads nothing
	}
	return h
}

// Clone returns a copy that grows on its own.
func (t *Tree) Clone() *Tree {
	return &Tree{t.size, append([]proof.Hash(nil), t.edge...)}
}

// A TileReader reads tiles of a tree: width hashes of tile n of a level.
type TileReader interface {
	ReadTile(level int, n int64, width int) ([]byte, error)
}

// Resume returns the tree of the given size, whose tiles r has. The tiles are
// believed: compare the root.
func Resume(size int64, r TileReader) (*Tree, error) {
	t := &Tree{size: size}
	at := int64(0) // where the next subtree begins
	for bit := bits.Len64(uint64(size)) - 1; bit >= 0; bit-- {
		if size&(1<<bit) == 0 {
			continue
		}
		h, err := subtree(r, at, bit)
		if err != nil {
			return nil, fmt.Errorf("right edge of the tree at size %d: %w", size, err)
		}
		t.edge = append(t.edge, h)
		at += 1 << bit
	}
	return t, nil
}

// subtree returns the root of the complete subtree with 2^bit leaves from start.
func subtree(r TileReader, start int64, bit int) (proof.Hash, error) {
	level := bit / TileHeight
	count := 1 << (bit % TileHeight) // hashes of that level below the root
	first := start >> (level * TileHeight)
	tile, column := first/TileWidth, int(first%TileWidth)
	data, err := r.ReadTile(level, tile, column+count)
	if err != nil {
		return proof.Hash{}, err
	}
	return fold(data[column*tlog.HashSize:]), nil
}

// fold returns the root over hashes, whose number is a power of two. It
// overwrites data.
func fold(data []byte) proof.Hash {
	for n := len(data) / tlog.HashSize; n > 1; n /= 2 {
		for i := range n / 2 {
			h := tlog.NodeHash(hashAt(data, 2*i), hashAt(data, 2*i+1))
			copy(data[i*tlog.HashSize:], h[:])
		}
	}
	return hashAt(data, 0)
}

func hashAt(data []byte, i int) proof.Hash {
	return proof.Hash(data[i*tlog.HashSize : (i+1)*tlog.HashSize])
}

// Fold returns the root of a full tile, which it leaves alone.
func Fold(tile []byte) proof.Hash { return fold(append([]byte(nil), tile...)) }

// Width is how many hashes tile n of a level has in a tree of the given size;
// 0 if the tree does not reach it.
func Width(size int64, level int, n int64) int {
	have := size >> (level * TileHeight)
	if n > have/TileWidth { // n may be anything: n*TileWidth may overflow
		return 0
	}
	return int(max(0, min(have-n*TileWidth, TileWidth)))
}

// AppendTile adds 256 leaves, whose complete subtree has the root given. The size
// must be a multiple of [TileWidth]. Streams are given what Append gives them, but
// for the leaves.
func (t *Tree) AppendTile(root proof.Hash, s *Streams) {
	h := root
	s[1] = append(s[1], h[:]...)
	t.size += TileWidth
	for level := TileHeight + 1; level <= bits.TrailingZeros64(uint64(t.size)); level++ {
		last := len(t.edge) - 1
		h = tlog.NodeHash(t.edge[last], h)
		t.edge = t.edge[:last]
		if level%TileHeight == 0 {
			s[level/TileHeight] = append(s[level/TileHeight], h[:]...)
		}
	}
	t.edge = append(t.edge, h)
}
