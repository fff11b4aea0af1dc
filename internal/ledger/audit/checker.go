package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

// A mark is a root hash that a log must have at a size.
type mark struct {
	size int64
	root proof.Hash
	part Part
	name string // "head of entry 7 of the root log"
}

// marks come in the order of their sizes. ok is false when there are no more.
type marks interface {
	next(ctx context.Context) (m mark, ok bool, err error)
}

// A checker grows the tree of a log by the entries that are served, and compares
// it with tiles and marks. Where something else than the entry gives a leaf, it
// grows a second tree by that, and the next mark tells which of them it has.
type checker struct {
	log    *remote.Log
	name   string
	served *tree.Tree
	other  *tree.Tree // nil while the trees are the same
	grower *tree.Grower
	hashes tree.Streams // of tiles above level 0 that were not compared yet
	spare  tree.Streams // of the other tree: nobody wants them

	marks marks
	mark  mark
	more  bool  // mark is one to come
	good  int64 // the size of the last mark that was reached

	suspects []Finding // since the last mark, in order; the first few
	checked  int64     // marks that were reached
}

// mostSuspects is how many suspects are kept: the first ones tell enough.
const mostSuspects = 8

// begin starts at a size whose tiles have been compared.
func (c *checker) begin(ctx context.Context, size int64, root proof.Hash) (err error) {
	c.grower = tree.NewGrower()
	c.served, c.good = &tree.Tree{}, size
	if size > 0 {
		if c.served, err = tree.Resume(size, tileReader{ctx, c.log}); err != nil {
			return err
		}
		if c.served.Root() != root {
			return finding(c.name, -1, TilePart, "tiles were altered since the audit began: at size %d they lead to another root hash than before", size)
		}
		if err := c.seed(ctx, size); err != nil {
			return err
		}
	}
	if err := c.nextMark(ctx); err != nil {
		return err
	}
	for size > 0 && c.more && c.mark.size <= size {
		if err := c.nextMark(ctx); err != nil {
			return err
		}
	}
	return c.reachAll(ctx)
}

// seed gets the beginnings of tiles that were compared when the audit was
// interrupted.
func (c *checker) seed(ctx context.Context, size int64) error {
	for level := 1; level < tree.Levels; level++ {
		have := size >> (level * tree.TileHeight)
		width := int(have % tree.TileWidth)
		if width == 0 {
			continue
		}
		b, err := c.log.Tile(ctx, level, have/tree.TileWidth, width)
		if err != nil {
			return err
		}
		c.hashes[level] = append(c.hashes[level], b...)
	}
	return nil
}

// tileReader reads tiles for tree.Resume.
type tileReader struct {
	ctx context.Context // its interface has none
	log *remote.Log
}

func (r tileReader) ReadTile(level int, n int64, width int) ([]byte, error) {
	return r.log.Tile(r.ctx, level, n, width)
}

func (c *checker) nextMark(ctx context.Context) (err error) {
	c.mark, c.more, err = c.marks.next(ctx)
	return err
}

// suspect notes what does not fit, until the next mark tells what was altered.
func (c *checker) suspect(f *Finding) {
	if len(c.suspects) < mostSuspects {
		c.suspects = append(c.suspects, *f)
	}
}

// add grows the trees by leaves. others are leaves that something else gives, by
// their place among leaves.
func (c *checker) add(ctx context.Context, leaves []proof.Hash, others map[int]proof.Hash) error {
	for len(leaves) > 0 {
		n := len(leaves)
		if c.more {
			n = int(min(int64(n), c.mark.size-c.served.Size()))
		}
		c.addOther(leaves[:n], others)
		c.grower.Append(c.served, leaves[:n], &c.hashes)
		leaves = leaves[n:]
		shifted := map[int]proof.Hash{}
		for i, h := range others {
			shifted[i-n] = h
		}
		others = shifted
		if err := c.compareFull(ctx); err != nil {
			return err
		}
		if err := c.reachAll(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reachAll compares with all marks that the tree has come to.
func (c *checker) reachAll(ctx context.Context) error {
	for c.more && c.mark.size <= c.served.Size() {
		if c.mark.size < c.served.Size() {
			return finding(c.name, -1, c.mark.part, "the %s has size %d, and one before it size %d", c.mark.name, c.mark.size, c.served.Size())
		}
		if err := c.reach(); err != nil {
			return err
		}
		if err := c.nextMark(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) addOther(leaves []proof.Hash, others map[int]proof.Hash) {
	for i := range leaves {
		h, ok := others[i]
		if ok && c.other == nil {
			c.other = c.served.Clone()
			c.grower.Append(c.other, leaves[:i], &c.spare)
		}
		if !ok {
			h = leaves[i]
		}
		if c.other != nil {
			c.grower.Append(c.other, []proof.Hash{h}, &c.spare)
			for level := range c.spare {
				c.spare[level] = c.spare[level][:0]
			}
		}
	}
}

// reach compares with the mark, which has the tree's size.
func (c *checker) reach() error {
	if c.served.Root() == c.mark.root {
		c.good, c.other = c.mark.size, nil
		c.checked++
		return c.confirmed()
	}
	if c.other != nil && c.other.Root() == c.mark.root {
		for _, s := range c.suspects {
			if s.Offset >= 0 && s.Offset < c.mark.size {
				return finding(c.name, s.Offset, EntryPart, "entry %d was altered: the %s has another one", s.Offset, c.mark.name)
			}
		}
	}
	f := finding(c.name, -1, c.mark.part, "the %s of size %d has another root hash than the entries lead to: it was altered, or an entry from %d to %d",
		c.mark.name, c.mark.size, c.good, c.mark.size-1)
	for _, s := range c.suspects {
		f.Message += "; " + s.Message
	}
	return f
}

// confirmed tells of what does not fit to entries that a mark has.
func (c *checker) confirmed() error {
	for i := range c.suspects {
		if c.suspects[i].Offset < c.good {
			return &c.suspects[i]
		}
	}
	return nil
}

// compareFull compares tiles above level 0 that became full.
func (c *checker) compareFull(ctx context.Context) error {
	for level := 1; level < tree.Levels; level++ {
		const size = tree.TileWidth * tlog.HashSize
		for len(c.hashes[level]) >= size {
			last := c.served.Size()>>(level*tree.TileHeight) - int64(len(c.hashes[level])/tlog.HashSize) // before the first hash
			if err := c.compareTile(ctx, level, last/tree.TileWidth, c.hashes[level][:size]); err != nil {
				return err
			}
			c.hashes[level] = append(c.hashes[level][:0], c.hashes[level][size:]...)
		}
	}
	return nil
}

// seal compares the tiles above level 0 that are not full.
func (c *checker) seal(ctx context.Context) error {
	for level := 1; level < tree.Levels; level++ {
		if len(c.hashes[level]) == 0 {
			continue
		}
		n := c.served.Size() >> (level * tree.TileHeight) / tree.TileWidth
		if err := c.compareTile(ctx, level, n, c.hashes[level]); err != nil {
			return err
		}
	}
	if c.good == c.served.Size() {
		return c.confirmed()
	}
	return nil
}

func (c *checker) compareTile(ctx context.Context, level int, n int64, want []byte) error {
	got, err := c.log.Tile(ctx, level, n, len(want)/tlog.HashSize)
	if errors.Is(err, remote.ErrAltered) {
		return finding(c.name, -1, TilePart, "tile %d/%d: %v", level, n, err)
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		c.suspect(finding(c.name, -1, TilePart, "tile %d/%d has another hash %d than the entries below it lead to", level, n, difference(got, want)))
	}
	return nil
}

// difference is the first hash in which two tiles differ.
func difference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i / tlog.HashSize
		}
	}
	return min(len(a), len(b)) / tlog.HashSize
}

// clean tells whether nothing waits for the next mark to be judged.
func (c *checker) clean() bool { return c.other == nil && len(c.suspects) == 0 }

// end says that all is read. All marks must have been reached.
func (c *checker) end(ctx context.Context) error {
	if c.more {
		return fmt.Errorf("%s has %d entries, and the %s %d", c.name, c.served.Size(), c.mark.name, c.mark.size)
	}
	return c.seal(ctx)
}
