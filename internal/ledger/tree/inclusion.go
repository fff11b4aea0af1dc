package tree

import (
	"fmt"

	"github.com/evidentlog/evident/proof"
	"golang.org/x/mod/sumdb/tlog"
)

// ProveInclusion returns the path from leaf index to the root of the tree
// (RFC 6962, section 2.1.1). Tiles between the leaf and the root are checked
// against each other, and the path against the root, so a damaged tile gives an
// error and never a wrong proof.
func ProveInclusion(c proof.Checkpoint, index int64, r TileReader) ([]proof.Hash, error) {
	if index < 0 || index >= c.Size {
		return nil, fmt.Errorf("index %d is not in the tree of %s, which has %d leaves", index, c.Origin, c.Size)
	}
	n := &nodes{size: c.Size, from: r, tiles: map[tileID]*folded{}, pairs: newPairs()}
	path, err := n.prove(c, index)
	if err != nil {
		return nil, fmt.Errorf("proof for entry %d of %s: %w", index, c.Origin, err)
	}
	return path, nil
}

// nodes gives hashes of a tree's nodes. It reads each tile once, and hashes all
// that is in it once, two nodes at a time: that is most of what a proof costs.
type nodes struct {
	size  int64
	from  TileReader
	tiles map[tileID]*folded
	pairs *pairs
}

type tileID struct {
	level int
	n     int64
}

// A folded tile has its hashes, and those of the complete subtrees above them: a
// row for each level of the tree.
type folded [TileHeight + 1][]proof.Hash

func (n *nodes) prove(c proof.Checkpoint, index int64) ([]proof.Hash, error) {
	leaf, err := n.checkAbove(index)
	if err != nil {
		return nil, err
	}
	path, err := tlog.ProveRecord(c.Size, index, n)
	if err != nil {
		return nil, err
	}
	if err := tlog.CheckRecord(path, c.Size, c.Root, index, leaf); err != nil {
		return nil, fmt.Errorf("the tiles do not lead to the root hash %v at size %d: one of them was altered", c.Root, c.Size)
	}
	return path, nil
}

// checkAbove compares each full tile above a leaf with the hash of it in the tile
// above that. It returns the leaf's hash.
func (n *nodes) checkAbove(index int64) (leaf proof.Hash, err error) {
	below := proof.Hash{} // what the tile that comes next must have
	for level := 0; level < Levels; level++ {
		at := index >> (level * TileHeight)
		if at >= n.size>>(level*TileHeight) {
			break // no complete subtree of this size has the leaf
		}
		t, err := n.tile(tileID{level, at / TileWidth})
		if err != nil {
			return leaf, err
		}
		switch h := t[0][at%TileWidth]; {
		case level == 0:
			leaf = h
		case h != below:
			return leaf, fmt.Errorf("tile %d of level %d does not lead to the hash above it: one of them was altered", at, level-1)
		}
		if len(t[0]) == TileWidth {
			below = t[TileHeight][0]
		}
	}
	return leaf, nil
}

// ReadHashes implements tlog.HashReader.
func (n *nodes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		level, at := tlog.SplitStoredHashIndex(x)
		row := level % TileHeight
		width := int64(TileWidth >> row)
		t, err := n.tile(tileID{level / TileHeight, at / width})
		if err != nil {
			return nil, err
		}
		hashes[i] = t[row][at%width]
	}
	return hashes, nil
}

func (n *nodes) tile(id tileID) (*folded, error) {
	if t := n.tiles[id]; t != nil {
		return t, nil
	}
	data, err := n.from.ReadTile(id.level, id.n, Width(n.size, id.level, id.n))
	if err != nil {
		return nil, err
	}
	width := len(data) / hashSize
	all := make([]proof.Hash, 2*width) // of all rows, each after the other
	t := &folded{all[:width]}
	for i := range t[0] {
		copy(t[0][i][:], data[i*hashSize:])
	}
	for row := range TileHeight {
		all = all[len(t[row]):]
		t[row+1] = all[:len(t[row])/2]
		n.pairs.hash(t[row+1], t[row])
	}
	n.tiles[id] = t
	return t, nil
}
