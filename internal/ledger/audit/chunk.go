package audit

import (
	"bytes"
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

// chunkTiles is how many tiles of level 0 are read at once, with their entries.
const chunkTiles = 64

// requestsAtOnce is how many of a chunk's requests are on their way at once.
const requestsAtOnce = 4

// A chunk is some entries of a log, as they are served.
type chunk struct {
	from    int64
	entries [][]byte
	tiles   []byte // their hashes, as tiles of level 0 have them
	salts   []byte // 16 bytes for each; nil if they are not to be had
}

// end is the offset behind the last entry.
func (c *chunk) end() int64 { return c.from + int64(len(c.entries)) }

// chunkEnd is where the chunk ends that begins at an offset, in a log of a size.
func chunkEnd(from, size int64) int64 {
	const span = chunkTiles * tree.TileWidth
	return min(size, from-from%span+span)
}

// readChunk gets entries from..to of a log of a size, and their tiles.
func readChunk(ctx context.Context, log *remote.Log, name string, size, from, to int64) (*chunk, error) {
	first := from / tree.TileWidth
	count := int((to+tree.TileWidth-1)/tree.TileWidth - first)
	bundles, tiles := make([][][]byte, count), make([][]byte, count)
	err := remote.Each(ctx, 2*count, requestsAtOnce, func(ctx context.Context, i int) (err error) {
		n := first + int64(i/2)
		width := tree.Width(size, 0, n)
		part := EntryPart
		if i%2 == 0 {
			bundles[i/2], err = log.Bundle(ctx, n, width)
		} else {
			part = TilePart
			tiles[i/2], err = log.Tile(ctx, 0, n, width)
		}
		if errors.Is(err, remote.ErrAltered) {
			return finding(name, -1, part, "%v", err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	c := &chunk{from: from}
	for i := range bundles {
		start := (first + int64(i)) * tree.TileWidth
		a, b := max(0, from-start), min(int64(len(bundles[i])), to-start)
		c.entries = append(c.entries, bundles[i][a:b]...)
		c.tiles = append(c.tiles, tiles[i][a*tlog.HashSize:b*tlog.HashSize]...)
	}
	return c, nil
}

// leaves hashes the entries. Where a tile has another hash, that is noted in
// others, unless something is there.
func (c *chunk) leaves(ck *checker, others map[int]proof.Hash) []proof.Hash {
	leaves := make([]proof.Hash, len(c.entries))
	for i, e := range c.entries {
		leaves[i] = tlog.RecordHash(e)
		tile := c.tiles[i*tlog.HashSize : (i+1)*tlog.HashSize]
		if bytes.Equal(tile, leaves[i][:]) {
			continue
		}
		offset := c.from + int64(i)
		ck.suspect(finding(ck.name, offset, TilePart, "tile 0/%d has another hash for entry %d than the entry that is served", offset/tree.TileWidth, offset))
		if _, ok := others[i]; !ok {
			others[i] = proof.Hash(tile)
		}
	}
	return leaves
}
