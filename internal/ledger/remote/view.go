package remote

import (
	"context"
	"fmt"
	"math/bits"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

// parallel is how many requests of one call are on their way at once.
const parallel = 4

// A View is a log as a checkpoint has it. All that it returns leads to the
// checkpoint's root hash; what does not is ErrAltered. Sizes and indexes that it
// is asked for must be within the checkpoint's.
type View struct {
	log *Log
	at  proof.Checkpoint
}

// At returns the log as the checkpoint has it.
func (l *Log) At(c proof.Checkpoint) *View { return &View{l, c} }

// Roots returns the root hashes that the log had at earlier sizes. It reads the
// tiles of all of them together.
func (v *View) Roots(ctx context.Context, sizes ...int64) ([]proof.Hash, error) {
	var wanted []int64
	for _, size := range sizes {
		wanted = append(wanted, edge(size)...)
	}
	hashes, err := v.hashes(ctx, wanted)
	if err != nil {
		return nil, err
	}
	roots := make([]proof.Hash, len(sizes))
	for i, size := range sizes {
		n := bits.OnesCount64(uint64(size))
		if roots[i], err = tlog.TreeHash(size, fixed(hashes[:n])); err != nil {
			return nil, err
		}
		hashes = hashes[n:]
	}
	return roots, nil
}

// edge returns where tlog stores the roots of the complete subtrees that make a
// tree of a size, in the order in which tlog.TreeHash asks for them.
func edge(size int64) (indexes []int64) {
	for at := int64(0); at < size; {
		level := bits.Len64(uint64(size-at)) - 1
		indexes = append(indexes, tlog.StoredHashIndex(level, at>>level))
		at += 1 << level
	}
	return indexes
}

// fixed is a HashReader that has just what it is asked for.
type fixed []tlog.Hash

func (f fixed) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	if len(indexes) != len(f) {
		return nil, fmt.Errorf("%d hashes are wanted of a tree's edge, and %d were read", len(indexes), len(f))
	}
	return f, nil
}

// Entries returns entries from..to. Memory holds all of them: a caller asks for
// a few bundles at a time.
func (v *View) Entries(ctx context.Context, from, to int64) ([][]byte, error) {
	first, last := from/tree.TileWidth, (to+tree.TileWidth-1)/tree.TileWidth
	bundles := make([][][]byte, max(0, last-first))
	var leaves []tlog.Hash
	err := Each(ctx, len(bundles)+1, parallel, func(ctx context.Context, i int) (err error) {
		if i == len(bundles) {
			leaves, err = v.leaves(ctx, from, to)
			return err
		}
		n := first + int64(i)
		bundles[i], err = v.log.Bundle(ctx, n, tree.Width(v.at.Size, 0, n))
		return err
	})
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for i, bundle := range bundles {
		start := (first + int64(i)) * tree.TileWidth
		entries = append(entries, bundle[max(0, from-start):min(int64(len(bundle)), to-start)]...)
	}
	for i, e := range entries {
		if tlog.RecordHash(e) != leaves[i] {
			return nil, fmt.Errorf("%w: entry %d of %s is not the one that its checkpoint of size %d has", ErrAltered, from+int64(i), v.at.Origin, v.at.Size)
		}
	}
	return entries, nil
}

// leaves returns the hashes of the leaves from..to.
func (v *View) leaves(ctx context.Context, from, to int64) ([]tlog.Hash, error) {
	indexes := make([]int64, 0, to-from)
	for i := from; i < to; i++ {
		indexes = append(indexes, tlog.StoredHashIndex(0, i))
	}
	return v.hashes(ctx, indexes)
}

// ProveInclusion returns the path of entry index to the checkpoint's root.
func (v *View) ProveInclusion(ctx context.Context, index int64) ([]proof.Hash, error) {
	r := v.reader(ctx)
	p, err := tlog.ProveRecord(v.at.Size, index, r)
	return p, r.explain(err)
}

// ProveConsistency returns the proof that the log continues what it was at an
// earlier size (RFC 6962, section 2.1.2).
func (v *View) ProveConsistency(ctx context.Context, size int64) ([]proof.Hash, error) {
	r := v.reader(ctx)
	p, err := tlog.ProveTree(v.at.Size, size, r)
	return p, r.explain(err)
}

func (v *View) hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error) {
	if len(indexes) == 0 {
		return nil, nil
	}
	r := v.reader(ctx)
	h, err := r.ReadHashes(indexes)
	return h, r.explain(err)
}

// A reader reads hashes by tiles that were checked.
type reader struct {
	tlog.HashReader
	tiles *tiles
}

func (v *View) reader(ctx context.Context) *reader {
	t := &tiles{ctx: ctx, view: v}
	return &reader{tlog.TileHashReader(tlog.Tree{N: v.at.Size, Hash: v.at.Root}, t), t}
}

// explain tells tiles that could not be got from those that are wrong.
func (r *reader) explain(err error) error {
	switch at := r.tiles.view.at; {
	case err == nil:
		return nil
	case r.tiles.failed != nil:
		return r.tiles.failed
	default:
		return fmt.Errorf("%w: the tiles of %s do not lead to its checkpoint of size %d: %w", ErrAltered, at.Origin, at.Size, err)
	}
}

// tiles gets tiles for x/mod's reader, which checks them. One goroutine uses it.
type tiles struct {
	ctx    context.Context // tlog's interface has none
	view   *View
	failed error // why tiles could not be got
}

func (t *tiles) Height() int { return tree.TileHeight }

func (t *tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(list))
	t.failed = Each(t.ctx, len(list), parallel, func(ctx context.Context, i int) (err error) {
		all[i], err = t.view.log.Tile(ctx, list[i].L, list[i].N, list[i].W)
		return err
	})
	return all, t.failed
}

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// Each calls f for 0..n, some at a time, and returns the first error. It ends the
// others' context then, and waits for them.
func Each(ctx context.Context, n, atOnce int, f func(context.Context, int) error) error {
	if n == 1 {
		return f(ctx, 0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i := range n {
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		running.Go(func() {
			defer func() { <-places }()
			if err := f(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}
