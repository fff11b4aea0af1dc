package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// A treeFS counts how often files of trees were opened for writing.
type treeFS struct {
	vfs.FS
	opened atomic.Int64
}

func (f *treeFS) Open(name string, mode vfs.Mode) (vfs.File, error) {
	if strings.Contains(name, "/"+treesDir+"/") && mode&vfs.Write != 0 {
		f.opened.Add(1)
	}
	return f.FS.Open(name, mode)
}

// each is a round of so many leaves for each tree.
func (w *world) each(leaves int64) error {
	var list []growth
	for id := range w.trees {
		list = append(list, growth{id: id, leaves: leaves})
	}
	return w.round(list...)
}

func TestTreesWithFewLeavesARoundShareTheirWrites(t *testing.T) {
	const trees, rounds = 20, 200
	fs := &treeFS{FS: newDisk(t)}
	w := newWorld(t, fs, 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(trees)
	for range rounds {
		if err := w.each(1); err != nil {
			t.Fatal(err)
		}
	}
	w.check()
	if got, most := fs.opened.Load(), int64(2*trees*(rounds/tailLeaves)); got > most {
		t.Errorf("files of trees were opened %d times for %d rounds, want at most %d", got, rounds, most)
	}
	w.reopen()
	w.check()
	if len(w.tails.mu.of) > 0 {
		t.Errorf("after a start %d trees wait for their leaves", len(w.tails.mu.of))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLeavesThatWaitTakeBoundedMemory(t *testing.T) {
	w := newWorld(t, newDisk(t), 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.tails.most = 50 * (bundleEntry + saltSize)
	w.create(30)
	for n := range int64(20) {
		if err := w.each(n % 3); err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, waits := range w.tails.mu.of {
			sum += len(waits.Entries) + len(waits.Salts)
		}
		if sum != w.tails.mu.bytes || sum > w.tails.most {
			t.Fatalf("%d bytes wait, %d are counted, and at most %d may", sum, w.tails.mu.bytes, w.tails.most)
		}
		if n := len(w.tails.mu.queue); n > 2*30+tailLeaves {
			t.Fatalf("%d trees are in the queue", n)
		}
	}
	w.check()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// A sync fails after its round was written, and the store goes on in the same
// process: what waited is read and added to as before.
func TestLeavesThatWaitOutliveAReopening(t *testing.T) {
	var broken atomic.Bool
	failed := errors.New("broken")
	w := newWorld(t, vfs.NewFaulty(newDisk(t), func(op vfs.Op) error {
		if op.Kind == vfs.OpSync && broken.Load() {
			return failed
		}
		return nil
	}), 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(3)
	for range 5 {
		if err := w.each(3); err != nil {
			t.Fatal(err)
		}
		broken.Store(true)
		if err := w.each(3); !errors.Is(err, failed) {
			t.Fatal(err)
		}
		w.check()
		broken.Store(false)
		if err := w.Reopen(); err != nil {
			t.Fatal(err)
		}
		w.check()
		w.resume() // the round that was not answered is there
		if n := len(w.tails.mu.of); n > 0 {
			t.Errorf("%d trees wait for leaves that are in their files", n)
		}
		if err := w.each(2); err != nil {
			t.Fatal(err)
		}
		w.checkFirstHeads()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestManyLeavesFollowFewThatWait(t *testing.T) {
	w := newWorld(t, newDisk(t), 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(1)
	for _, direct := range []bool{false, true, false, true, true, false} {
		if err := w.round(growth{1, 5, direct}); err != nil {
			t.Fatal(err)
		}
		if err := w.readAll(1); err != nil {
			t.Fatal(err)
		}
	}
	w.abandon()
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.check()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// Rounds of another node are adopted several at a time: leaves of the first may go
// through the journal, when those that follow them are written already.
func TestFewLeavesComeAfterManyThatFollowThem(t *testing.T) {
	w := newWorld(t, newDisk(t), 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(1)
	if err := w.Write(chunk(1, 3, 20)); err != nil {
		t.Fatal(err)
	}
	g := w.trees[1]
	for i := range int64(20) {
		e, _ := proof.ParseEntry(entry(1, i))
		g.Append(e.LeafHash(), new(tree.Streams))
	}
	g.leaves = 20
	head := proof.RootEntry{Kind: proof.HeadEntry, Time: 5, Checkpoint: proof.Checkpoint{Origin: g.origin, Size: 20, Root: g.Root()}}
	if err := w.Commit(Round{Chunks: []Chunk{chunk(1, 0, 3)}, Written: []TreeID{1}, Roots: [][]byte{head.Bytes()}}); err != nil {
		t.Fatal(err)
	}
	w.roots = [][]byte{head.Bytes()}
	w.checkAll(1)
	if err := w.round(growth{1, 2, false}); err != nil {
		t.Fatal(err)
	}
	w.checkAll(1)
	w.abandon()
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.checkAll(1)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// checkAll is check, and reads the newest leaves of a tree at once.
func (w *world) checkAll(id TreeID) {
	w.t.Helper()
	w.check()
	if err := w.readAll(id); err != nil {
		w.t.Fatal(err)
	}
}

// Readers see the same leaves all the time, while rounds add some, the journal is
// released, and some are written through.
func TestLeavesAreReadWhileTheyAreWritten(t *testing.T) {
	w := newWorld(t, newDisk(t), 8000)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(3)
	if err := w.each(1); err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	var readers sync.WaitGroup
	for id := range w.trees {
		readers.Go(func() {
			for !done.Load() {
				if err := w.readAll(id); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 120 {
		if err := w.round(growth{1, 1, false}, growth{2, 7, i%40 == 0}, growth{3, 30, false}); err != nil {
			t.Error(err)
			break
		}
	}
	done.Store(true)
	readers.Wait()
	w.check()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// readAll reads the newest leaves of a tree up to its head.
func (w *world) readAll(id TreeID) error {
	head, _ := w.Head(id)
	from := max(0, head.Size-100)
	entries, err := w.ReadEntries(id, from, int(head.Size-from))
	if err != nil {
		return err
	}
	salts, err := w.ReadSalts(id, from, int(head.Size-from))
	if err != nil {
		return err
	}
	if want := chunk(id, from, head.Size); string(entries) != string(want.Entries) || string(salts) != string(want.Salts) {
		return fmt.Errorf("leaves %d to %d of tree %d are not what they were", from, head.Size, id)
	}
	return nil
}

// What was written is in the queue for a while, and takes no memory there.
func TestLeavesThatWereWrittenTakeNoMemory(t *testing.T) {
	w := newWorld(t, newDisk(t), 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(30)
	if err := w.each(tailLeaves - 1); err != nil {
		t.Fatal(err)
	}
	if err := w.each(1); err != nil {
		t.Fatal(err)
	}
	if len(w.tails.mu.queue) != 30 || len(w.tails.mu.of) != 0 {
		t.Fatalf("%d trees are in the queue, and %d wait", len(w.tails.mu.queue), len(w.tails.mu.of))
	}
	for _, was := range w.tails.mu.queue {
		if n := cap(was.Entries) + cap(was.Salts); n > 0 {
			t.Errorf("tree %d, whose leaves were written, keeps %d bytes", was.Tree, n)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
