package store

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// checkFirstHeads compares FirstHead with the entries themselves, for all trees
// and offsets.
func (w *world) checkFirstHeads() {
	w.t.Helper()
	for id, g := range w.trees {
		newest, _ := w.Head(id)
		for offset := int64(-1); offset < g.leaves; offset++ {
			got, err := w.FirstHead(newest, offset)
			if err != nil {
				w.t.Fatal(err)
			}
			if want := w.firstOf(g.origin, offset); got.RootIndex != want {
				w.t.Fatalf("the first head of tree %d that covers %d is %d, want %d", id, offset, got.RootIndex, want)
			}
		}
		if got, err := w.FirstHead(newest, g.leaves); err != nil || got != newest {
			w.t.Fatalf("beyond the tree: %v, %v", got, err)
		}
		for root := int64(-1); root <= int64(len(w.roots))+1; root++ {
			if got, err := w.SizeAt(newest, root); err != nil || got != w.sizeAt(g.origin, root) {
				w.t.Fatalf("tree %d had %d leaves by the first %d entries, %v; want %d", id, got, root, err, w.sizeAt(g.origin, root))
			}
		}
	}
}

// sizeAt is the size of the newest head of a tree in the first entries.
func (w *world) sizeAt(origin string, root int64) (size int64) {
	for _, b := range w.roots[:max(0, min(root, int64(len(w.roots))))] {
		e, err := proof.ParseRootEntry(b)
		if err != nil {
			w.t.Fatal(err)
		}
		if e.Checkpoint.Origin == origin {
			size = e.Checkpoint.Size
		}
	}
	return size
}

func (w *world) firstOf(origin string, offset int64) int64 {
	for i, b := range w.roots {
		e, err := proof.ParseRootEntry(b)
		if err != nil {
			w.t.Fatal(err)
		}
		if e.Checkpoint.Origin == origin && e.Checkpoint.Size > offset {
			return int64(i)
		}
	}
	return -1
}

func TestTheFirstHeadThatCoversAnOffsetIsFound(t *testing.T) {
	w := newWorld(t, newDisk(t), 1<<12)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(3)
	random := rand.New(rand.NewPCG(1, 2))
	for range 120 {
		var list []growth
		for id := TreeID(1); id <= 3; id++ {
			if random.IntN(2) == 0 {
				list = append(list, growth{id: id, leaves: int64(random.IntN(3) + 1)})
			}
		}
		if err := w.round(list...); err != nil {
			t.Fatal(err)
		}
	}
	w.checkFirstHeads()
	w.reopen()
	w.checkFirstHeads()
	for name, damage := range map[string]func() error{
		"missing": func() error { return w.fs.Remove("/data/ledger/root/heads") },
		"cut short": func() error {
			return withFile(w.fs, "/data/ledger/root/heads", func(f vfs.File) error { return f.Truncate(100) })
		},
	} {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if err := w.open(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		w.checkFirstHeads()
		if err := w.round(growth{id: 1, leaves: 2}); err != nil {
			t.Fatal(err)
		}
		w.checkFirstHeads()
	}
}

func (w *world) reopen() {
	w.t.Helper()
	if err := w.Close(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.open(); err != nil {
		w.t.Fatal(err)
	}
}

// counted counts how often it is read.
type counted struct {
	io.ReaderAt
	reads int
}

func (c *counted) ReadAt(b []byte, at int64) (int, error) {
	c.reads++
	return c.ReaderAt.ReadAt(b, at)
}

// links are the links of one tree, in memory.
type links []byte

func (l links) ReadAt(b []byte, at int64) (int, error) { return copy(b, l[at:]), nil }

// linksOf makes the links of a tree that grows by a leaf with each entry. Before
// some of them what is known of the tree is forgotten, as by a start.
func linksOf(t *testing.T, heads int64, forget func(int64) bool) links {
	t.Helper()
	l, made := linker{newest: map[string]int64{}, spines: map[string]spine{}}, links{}
	for i := range heads {
		if i > 0 && forget(i) {
			clear(l.spines)
			l.newest["o"] = i - 1
		}
		k, err := l.next(made, i, &proof.Checkpoint{Origin: "o", Size: i + 1})
		if err != nil {
			t.Fatal(err)
		}
		made = k.encode(made)
	}
	return made
}

func TestLinksAreTheSameAfterAStart(t *testing.T) {
	const heads = 3000
	want := linksOf(t, heads, func(int64) bool { return false })
	if got := linksOf(t, heads, func(i int64) bool { return i%7 == 0 || i > heads-50 }); !bytes.Equal(got, want) {
		t.Error("links that were made after a start are others")
	}
}

func TestASearchTakesALogarithmOfTheHeads(t *testing.T) {
	const heads = 1 << 17
	made := linksOf(t, heads, func(int64) bool { return false })
	for offset := int64(0); offset < heads; offset += 97 {
		c := &counted{ReaderAt: made}
		if got, err := firstLink(c, heads-1, offset); err != nil || got != offset {
			t.Fatalf("offset %d: link %d, %v", offset, got, err)
		}
		if most := 6 * 17; c.reads > most {
			t.Errorf("offset %d: %d links were read, and at most %d are expected", offset, c.reads, most)
		}
		c = &counted{ReaderAt: made}
		if got, err := sizeBefore(c, heads-1, offset); err != nil || got != offset {
			t.Fatalf("before entry %d the tree has %d leaves, %v", offset, got, err)
		}
		if most := 6 * 17; c.reads > most {
			t.Errorf("entry %d: %d links were read, and at most %d are expected", offset, c.reads, most)
		}
	}
}
