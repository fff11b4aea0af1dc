package tree

import (
	"fmt"

	"github.com/evidentlog/evident/proof"
	"golang.org/x/mod/sumdb/tlog"
)

// ProveConsistency returns the proof that the tree of size old is a prefix of
// the tree (RFC 6962, section 2.1.2). Tiles are checked as in ProveInclusion.
func ProveConsistency(c proof.Checkpoint, old int64, r TileReader) ([]proof.Hash, error) {
	if old < 0 || old > c.Size {
		return nil, fmt.Errorf("size %d is not between 0 and that of %s, %d", old, c.Origin, c.Size)
	}
	if old == 0 || old == c.Size {
		return nil, nil
	}
	path, err := tlog.ProveTree(c.Size, old, reader(c, r))
	if err != nil {
		return nil, fmt.Errorf("proof that %s at size %d continues size %d: %w", c.Origin, c.Size, old, err)
	}
	return path, nil
}

// RootAt returns the root that the tree had at an earlier size.
func RootAt(c proof.Checkpoint, size int64, r TileReader) (proof.Hash, error) {
	if size < 0 || size > c.Size {
		return proof.Hash{}, fmt.Errorf("size %d is not between 0 and that of %s, %d", size, c.Origin, c.Size)
	}
	return tlog.TreeHash(size, reader(c, r))
}

// reader checks tiles against a checkpoint as they are read.
func reader(c proof.Checkpoint, r TileReader) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, tiles{r})
}

// tiles is a TileReader as tlog wants it.
type tiles struct{ r TileReader }

func (t tiles) Height() int { return TileHeight }

func (t tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(list))
	for i, tile := range list {
		var err error
		if all[i], err = t.r.ReadTile(tile.L, tile.N, tile.W); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
