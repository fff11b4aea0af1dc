package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// A world is a store with what it must hold.
type world struct {
	*Store
	t     testing.TB
	fs    vfs.FS
	limit int64
	trees map[TreeID]*grown
	roots [][]byte
}

// grown is a tree as it must be after the last round that is durable.
type grown struct {
	origin string
	*tree.Tree
	leaves int64
}

// newDisk returns a disk with a data folder.
func newDisk(t testing.TB) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	if err := errors.Join(mem.MkdirAll("/data"), mem.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return mem
}

func newWorld(t testing.TB, fs vfs.FS, limit int64) *world {
	return &world{t: t, fs: fs, limit: limit, trees: map[TreeID]*grown{}}
}

func (w *world) open() error {
	s, err := Open(Config{FS: w.fs, Dir: "/data/ledger", JournalBytes: w.limit})
	w.Store = s
	return err
}

func entry(id TreeID, index int64) []byte {
	e := proof.Entry{Offset: index, Timestamp: int64(id), Commitment: proof.Hash{byte(id), byte(index)}}
	return e.Append(nil)
}

func salt(id TreeID, index int64) proof.Salt {
	return proof.Salt{0xff, byte(id), byte(index), byte(index >> 8)}
}

func chunk(id TreeID, from, to int64) Chunk {
	c := Chunk{Tree: id, From: from}
	for i := from; i < to; i++ {
		c.Entries = binary.BigEndian.AppendUint16(c.Entries, proof.EntrySize)
		c.Entries = append(c.Entries, entry(id, i)...)
		s := salt(id, i)
		c.Salts = append(c.Salts, s[:]...)
	}
	return c
}

// A growth is by how many leaves a round lets a tree grow, and how.
type growth struct {
	id     TreeID
	leaves int64
	direct bool // by Write
}

// round commits growth of some trees. What it did is in the world only if that
// succeeded.
func (w *world) round(list ...growth) error {
	var r Round
	next := maps.Clone(w.trees)
	for _, g := range list {
		old := next[g.id]
		now := &grown{old.origin, old.Clone(), old.leaves + g.leaves}
		c := chunk(g.id, old.leaves, now.leaves)
		var streams tree.Streams
		for i := old.leaves; i < now.leaves; i++ {
			e := proof.Entry{}
			e, _ = proof.ParseEntry(entry(g.id, i))
			now.Append(e.LeafHash(), &streams)
		}
		if g.direct {
			if err := w.Write(c); err != nil {
				return err
			}
			r.Written = append(r.Written, g.id)
		} else {
			r.Chunks = append(r.Chunks, c)
		}
		if err := w.WriteHashes(g.id, now.leaves, &streams); err != nil {
			return err
		}
		head := proof.RootEntry{Kind: proof.HeadEntry, Time: 5, Checkpoint: proof.Checkpoint{Origin: now.origin, Size: now.leaves, Root: now.Root()}}
		r.Roots = append(r.Roots, head.Bytes())
		next[g.id] = now
	}
	if err := w.Commit(r); err != nil {
		return err
	}
	w.trees, w.roots = next, slices.Concat(w.roots, r.Roots)
	return nil
}

// create opens trees, which are durable with the next round.
func (w *world) create(n int) {
	for i := range n {
		origin := fmt.Sprintf("example.com/t/id/%d/0", i)
		w.trees[w.Create(origin)] = &grown{origin: origin, Tree: &tree.Tree{}}
	}
}

// check compares everything with what must be there. The store may have one
// round more, which was not answered.
func (w *world) check() {
	w.t.Helper()
	size, root := w.RootHead()
	if size < int64(len(w.roots)) {
		w.t.Fatalf("the root log has %d entries, and %d were durable", size, len(w.roots))
	}
	var want tree.Tree
	var streams tree.Streams
	for i := range size {
		e, err := w.ReadRootEntry(i)
		if err != nil {
			w.t.Fatal(err)
		}
		if i < int64(len(w.roots)) && string(e) != string(w.roots[i]) {
			w.t.Fatalf("root entry %d is %q, want %q", i, e, w.roots[i])
		}
		want.Append(tlogHash(e), &streams)
	}
	if want.Root() != root {
		w.t.Fatalf("root %v, and the entries give %v", root, want.Root())
	}
	for id, g := range w.trees {
		w.checkTree(id, g)
		newest, _ := w.Head(id)
		middle := g.leaves / 2
		if got, err := w.FirstHead(newest, middle); g.leaves > 0 && (err != nil || got.RootIndex != w.firstOf(g.origin, middle)) {
			w.t.Fatalf("the first head of tree %d that covers %d is %d, %v", id, middle, got.RootIndex, err)
		}
	}
}

func (w *world) checkTree(id TreeID, g *grown) {
	w.t.Helper()
	head, ok := w.Head(id)
	if !ok && g.leaves == 0 {
		return // created in a round that was lost
	}
	if head.Origin != g.origin || head.Size < g.leaves || head.Size == g.leaves && g.leaves > 0 && head.Root != g.Root() {
		w.t.Fatalf("tree %d: head %+v, want %d leaves, root %v of %s", id, head, g.leaves, g.Root(), g.origin)
	}
	got, err := w.OpenTree(id)
	if err != nil {
		w.t.Fatalf("tree %d: %v", id, err)
	}
	if got.Root() != head.Root || got.Size() != head.Size {
		w.t.Fatalf("tree %d: opened with root %v at %d, want %v at %d", id, got.Root(), got.Size(), head.Root, head.Size)
	}
	for i := range head.Size {
		if s, err := w.ReadSalt(id, i); err != nil || s != salt(id, i) {
			w.t.Fatalf("tree %d: salt %d is %x, %v", id, i, s, err)
		}
	}
	if head.Size > 0 {
		path, err := tree.ProveInclusion(head.Checkpoint, head.Size/2, w.Tiles(id))
		if err != nil {
			w.t.Fatalf("tree %d: %v, %v", id, path, err)
		}
	}
}

// resume takes what the store has for what must be there.
func (w *world) resume() {
	w.t.Helper()
	w.roots = nil
	size, _ := w.RootHead()
	for i := range size {
		e, err := w.ReadRootEntry(i)
		if err != nil {
			w.t.Fatal(err)
		}
		w.roots = append(w.roots, e)
	}
	w.trees = map[TreeID]*grown{}
	for id, h := range w.Heads() {
		opened, err := w.OpenTree(id)
		if err != nil {
			w.t.Fatal(err)
		}
		w.trees[id] = &grown{h.Origin, opened, h.Size}
	}
}
