package store

import (
	"errors"
	"fmt"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
	"github.com/evidentlog/evident/proof"
)

// erasure makes the entry that erases ranges of a tree, as it is now.
func (w *world) erasure(id TreeID, ranges ...proof.Range) []byte {
	w.t.Helper()
	head, ok := w.Head(id)
	if !ok {
		w.t.Fatalf("there is no tree %d", id)
	}
	e := proof.NewErased(7, head.Checkpoint, ranges, "User:admin")
	return e.Bytes()
}

var fourAndSeven = []proof.Range{{First: 4, Last: 4}, {First: 7, Last: 8}}

func erasedHere(i int64) bool { return i == 4 || i == 7 || i == 8 }

// checkErased compares the salts of trees 1 and 2 with what must be left of them.
func (w *world) checkErased(disk *vfstest.Remains) {
	w.t.Helper()
	for id := TreeID(1); id <= 2; id++ {
		head, _ := w.Head(id)
		for i := range head.Size {
			s, err := w.ReadSalt(id, i)
			if erasedHere(i) != errors.Is(err, ErrErased) || !erasedHere(i) && s != salt(id, i) {
				w.t.Errorf("salt %d of tree %d: %x, %v", i, id, s, err)
			}
			if !erasedHere(i) {
				continue
			}
			was := salt(id, i)
			if where, err := disk.Find("/data/ledger", was[:]); err != nil || where != "" {
				w.t.Errorf("salt %d of tree %d is in %s (%v)", i, id, where, err)
			}
		}
		if _, err := w.OpenTree(id); err != nil {
			w.t.Error(err)
		}
	}
}

func TestAnErasedSaltIsNowhereOnDisk(t *testing.T) {
	disk := &vfstest.Remains{FS: newDisk(t)}
	w := newWorld(t, disk, 0)
	for range 2 { // the second time after a new start
		if err := w.open(); err != nil {
			t.Fatal(err)
		}
		w.create(2)
		if err := w.round(growth{1, 10, false}, growth{2, 10, true}); err != nil {
			t.Fatal(err)
		}
		if err := w.Erase([][]byte{w.erasure(1, fourAndSeven...), w.erasure(2, fourAndSeven...)}); err != nil {
			t.Fatal(err)
		}
		w.checkErased(disk)
		e, ok := w.Erased(2, 8)
		if !ok || e.By != "User:admin" || e.Time.UnixMilli() != 7 || len(e.Offsets) != 2 {
			t.Errorf("the erasure is %+v, %v", e, ok)
		}
		w.resume()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATreeThatHasEndedDoesNotBeginAgainByAnErasure(t *testing.T) {
	w := newWorld(t, newDisk(t), 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(1)
	if err := w.round(growth{1, 10, false}); err != nil {
		t.Fatal(err)
	}
	h, _ := w.Head(1)
	closing := proof.RootEntry{Kind: proof.ClosedEntry, Time: 6, Checkpoint: h.Checkpoint, Details: []string{"reason topic deleted"}}
	if err := w.Commit(Round{Roots: [][]byte{closing.Bytes()}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Erase([][]byte{w.erasure(1, proof.Range{First: 0, Last: 9})}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if h, ok := w.Head(1); !ok || !h.Closed {
			t.Errorf("the head is %+v, %v", h, ok)
		}
		if err := errors.Join(w.Close(), w.open()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// The salt is missed unless the root log says that it was erased.
func TestASaltThatIsGoneWithoutAnEntryIsDamage(t *testing.T) {
	mem := newDisk(t)
	w := newWorld(t, mem, 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(1)
	if err := w.round(growth{1, 10, true}); err != nil {
		t.Fatal(err)
	}
	if err := withFile(mem, w.treeFile(1, saltsFile), func(f vfs.File) error { return zero(f, 3*saltSize, 4*saltSize) }); err != nil {
		t.Fatal(err)
	}
	if s, err := w.ReadSalt(1, 3); !errors.Is(err, ErrCorrupt) {
		t.Errorf("the salt is %x, %v", s, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAFinishedErasureStaysSo(t *testing.T) {
	w := newWorld(t, newDisk(t), 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(1)
	if err := w.round(growth{1, 10, false}); err != nil {
		t.Fatal(err)
	}
	if err := w.Erase([][]byte{w.erasure(1, fourAndSeven...)}); err != nil {
		t.Fatal(err)
	}
	for _, done := range []bool{false, true, true} {
		list := w.Erasures(1)
		if len(list) != 1 || list[0].Done != done {
			t.Fatalf("erasures are %+v, want one with Done=%v", list, done)
		}
		w.FinishErasure(1, list[0].RootIndex)
		if err := errors.Join(w.Close(), w.open()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// erasingWorkload grows two trees and erases of both. It tells what it came to.
func (w *world) erasingWorkload() (erased bool, err error) {
	if err := w.open(); err != nil {
		return false, err
	}
	w.create(2)
	for range 2 {
		if err := w.round(growth{1, 10, false}, growth{2, 10, true}); err != nil {
			return false, err
		}
	}
	if err := w.Erase([][]byte{w.erasure(1, fourAndSeven...), w.erasure(2, fourAndSeven...)}); err != nil {
		return false, err
	}
	if err := w.round(growth{1, 5, false}); err != nil {
		return true, err
	}
	return true, w.Close()
}

// The power goes at each operation that changes the disk. An erasure that was
// answered stays, one that was under way is undone or completed, and then nothing
// is left of it.
func TestCrashAtEveryWriteCompletesAnErasure(t *testing.T) {
	whole := vfs.NewFaulty(newDisk(t), func(vfs.Op) error { return nil })
	if _, err := newWorld(t, whole, 0).erasingWorkload(); err != nil {
		t.Fatal(err)
	}
	for _, v := range vfstest.Cuts() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			for n := 1; n <= whole.Mutations(); n++ {
				t.Run(fmt.Sprint(n), func(t *testing.T) { crashErasing(t, v.Hook(n), v.Keep(n)) })
			}
		})
	}
}

func crashErasing(t *testing.T, hook func(vfs.Op) error, keep vfs.Keep) {
	mem := newDisk(t)
	before := &vfstest.Remains{FS: vfs.NewFaulty(mem, hook)}
	w := newWorld(t, before, 0)
	answered, err := w.erasingWorkload()
	if err != nil && !errors.Is(err, vfs.ErrCrashed) {
		t.Fatal(err)
	}
	if w.Store != nil {
		_ = w.Close()
	}
	after := &vfstest.Remains{FS: mem.Crash(keep)}
	w.fs = after
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.releases.Wait()
	_, one := w.Erased(1, 4)
	if _, two := w.Erased(2, 4); one != two || answered && !one {
		t.Fatalf("erased of tree 1: %v, of tree 2: %v, answered: %v", one, two, answered)
	}
	if one {
		w.checkErased(after)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
