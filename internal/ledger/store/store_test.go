package store

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
	"github.com/evidentlog/evident/proof"
	"golang.org/x/mod/sumdb/tlog"
)

func tlogHash(b []byte) proof.Hash { return tlog.RecordHash(b) }

// workload grows three trees in small and large steps over several releases of
// the journal. It stops at the first error.
func (w *world) workload() error {
	if err := w.open(); err != nil {
		return err
	}
	w.create(3)
	for i := range 12 {
		list := []growth{{1, 3, false}}
		if i%2 == 0 {
			list = append(list, growth{2, 150, true})
		}
		if i%3 == 0 {
			list = append(list, growth{3, 40, i%2 == 0})
		}
		if err := w.round(list...); err != nil {
			return err
		}
	}
	return w.Close()
}

func TestRoundsOutliveTheProcess(t *testing.T) {
	w := newWorld(t, newDisk(t), 4000)
	if err := w.workload(); err != nil {
		t.Fatal(err)
	}
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.check()
	if err := w.round(growth{1, 300, false}, growth{2, 300, true}); err != nil {
		t.Fatal(err)
	}
	w.check()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// The power goes at each operation that changes the disk, with and without its
// effect, and with none, some or all of what was not synced. What was durable is
// there afterwards, and the store goes on, also after a second cut.
func TestCrashAtEveryWriteKeepsRounds(t *testing.T) {
	whole := vfs.NewFaulty(newDisk(t), func(vfs.Op) error { return nil })
	if err := newWorld(t, whole, 4000).workload(); err != nil {
		t.Fatal(err)
	}
	for i, v := range vfstest.Cuts() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			for n := 1 + i; n <= whole.Mutations(); n += stride(whole) {
				t.Run(fmt.Sprint(n), func(t *testing.T) { crashRun(t, v.Hook(n), v.Keep(n)) })
			}
		})
	}
}

// stride meets operations of all kinds, since the workload's rounds differ.
func stride(f *vfs.Faulty) int { return max(1, f.Mutations()/70) }

func crashRun(t *testing.T, hook func(vfs.Op) error, keep vfs.Keep) {
	mem := newDisk(t)
	w := newWorld(t, vfs.NewFaulty(mem, hook), 4000)
	if err := w.workload(); err != nil && !errors.Is(err, vfs.ErrCrashed) {
		t.Fatal(err)
	}
	if w.Store != nil {
		_ = w.Close()
	}
	after := mem.Crash(keep)
	w.fs = after
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.check()
	w.resume()
	w.create(3)
	if err := w.round(growth{1, 5, false}, growth{2, 5, true}, growth{3, 5, true}); err != nil {
		t.Fatal(err)
	}
	w.check()
	again := after.Crash(vfs.KeepNone)
	_ = w.Close()
	w.fs = again
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.check()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// A failed operation stops the store; opened again it has every durable round.
func TestFailedOperationsStopTheStore(t *testing.T) {
	whole := vfs.NewFaulty(newDisk(t), func(vfs.Op) error { return nil })
	if err := newWorld(t, whole, 4000).workload(); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	for n := 1; n <= whole.Mutations(); n += stride(whole) {
		mem := newDisk(t)
		disk := vfs.NewFaulty(mem, failNth(n, broken))
		w := newWorld(t, disk, 4000)
		err := w.workload()
		// Leaves that wait are written by whoever comes first: there may be fewer operations.
		if failed := disk.Mutations() >= n; failed != errors.Is(err, broken) || !failed && err != nil {
			t.Fatalf("operation %d failed: %v, and what was said is: %v", n, failed, err)
		}
		if w.Store != nil {
			if w.Err() != nil && !errors.Is(w.Commit(Round{}), broken) {
				t.Fatalf("operation %d: the store has stopped and takes rounds", n)
			}
			_ = w.Close()
		}
		w.fs = mem
		if err := w.open(); err != nil {
			t.Fatalf("operation %d: %v", n, err)
		}
		w.check()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// failNth fails one operation that changes the disk.
func failNth(n int, err error) func(vfs.Op) error {
	var done atomic.Int64 // also by the goroutine that releases the journal
	return func(op vfs.Op) error {
		if op.Kind.Mutates() && done.Add(1) == int64(n) {
			return err
		}
		return nil
	}
}

func TestASecondNodeIsRefused(t *testing.T) {
	mem := newDisk(t)
	w := newWorld(t, mem, 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{FS: mem, Dir: "/data/ledger"}); !errors.Is(err, ErrUsed) {
		t.Errorf("opened twice: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOtherFormatsAreRefused(t *testing.T) {
	mem := newDisk(t)
	w := newWorld(t, mem, 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(mem, "/data/ledger/format", []byte("evident ledger 2\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.open(); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Error(err)
	}
}

// flip changes a byte of a file.
func flip(t *testing.T, fsys vfs.FS, name string, at int64) {
	t.Helper()
	err := withFile(fsys, name, func(f vfs.File) error {
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, at); err != nil {
			return err
		}
		b[0] ^= 0x10
		_, err := f.WriteAt(b, at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// abandon leaves the store as a killed process would.
func (w *world) abandon() {
	w.releases.Wait()
	w.journal.close()
	w.lock.Close()
}

// threeRounds is a store with its journal, and nobody in it.
func threeRounds(t *testing.T) (*world, vfs.FS) {
	t.Helper()
	mem := newDisk(t)
	w := newWorld(t, mem, 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(2)
	for range 3 {
		if err := w.round(growth{1, 3, false}, growth{2, 3, true}); err != nil {
			t.Fatal(err)
		}
	}
	w.abandon()
	return w, mem
}

func TestDamageIsToldFromATornEnd(t *testing.T) {
	const journalFile = "/data/ledger/journal/00000000000000000001.rounds"
	for file, at := range map[string]int64{"/data/ledger/state": 30, journalFile: 40} {
		w, mem := threeRounds(t)
		flip(t, mem, file, at)
		if err := w.open(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: opened: %v", file, err)
		}
	}
	w, mem := threeRounds(t)
	b, err := readFile(mem, journalFile)
	if err != nil {
		t.Fatal(err)
	}
	flip(t, mem, journalFile, int64(len(b))-1)
	if err := w.open(); err != nil {
		t.Fatalf("torn end: %v", err)
	}
	if head, _ := w.Head(1); head.Size != 6 {
		t.Errorf("the tree has %d leaves after the third round was torn, want 6", head.Size)
	}
	w.abandon()
}

func TestAlteredEntriesAreFound(t *testing.T) {
	for _, file := range []string{"trees/000000000001.entries", "trees/000000000002.entries"} {
		w, mem := threeRounds(t)
		if err := w.open(); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		flip(t, mem, "/data/ledger/"+file, 60)
		if err := w.open(); err != nil {
			t.Fatal(err)
		}
		_, err1 := w.OpenTree(1)
		_, err2 := w.OpenTree(2)
		if err := errors.Join(err1, err2); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
		w.abandon()
	}
}

func TestHashesAreMadeAgain(t *testing.T) {
	mem := newDisk(t)
	w := newWorld(t, mem, 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(1)
	if err := w.round(growth{1, 700, true}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"trees/000000000001.hashes-1", "root/hashes-0"} {
		flip(t, mem, "/data/ledger/"+name, 3)
		if err := w.open(); err != nil {
			t.Fatal(err)
		}
		w.check()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := mem.Remove("/data/ledger/" + name); err != nil {
			t.Fatal(err)
		}
		if err := w.open(); err != nil {
			t.Fatal(err)
		}
		w.check()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBadRoundsAreRefusedWhole(t *testing.T) {
	w := newWorld(t, newDisk(t), 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(1)
	bad := chunk(1, 0, 2)
	bad.Salts = bad.Salts[:20]
	for name, err := range map[string]error{
		"chunk":      w.Commit(Round{Chunks: []Chunk{bad}}),
		"write":      w.Write(bad),
		"root entry": w.Commit(Round{Roots: [][]byte{make([]byte, 1<<16)}}),
		"kind":       w.Commit(Round{Roots: [][]byte{[]byte("evident/other/v1\n")}}),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := w.round(growth{1, 2, false}); err != nil {
		t.Error(err)
	}
	w.check()
	w.abandon()
	if err := w.open(); err != nil { // and none of them is in the journal
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// Invariants: nothing panics; a frame that is read is written the same.
func FuzzReadFrame(f *testing.F) {
	whole := &frame{number: 3, opened: []openedTree{{1, "o"}}, chunks: []Chunk{chunk(1, 0, 2)}, roots: [][]byte{[]byte("entry")}}
	f.Add(whole.append(nil))
	f.Add((&frame{}).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, size, err := readFrame(b)
		if err != nil {
			return
		}
		if size > len(b) {
			t.Fatalf("%d bytes of %d", size, len(b))
		}
		again := r.append(nil)
		back, n, err := readFrame(again)
		if err != nil || n != len(again) || len(back.chunks) != len(r.chunks) || len(back.roots) != len(r.roots) {
			t.Fatalf("read back: %v", err)
		}
	})
}

// Invariants: nothing panics; a state that is read is written the same.
func FuzzDecodeState(f *testing.F) {
	st := &state{journal: 2, round: 5, root: 1, trees: map[TreeID]*Head{1: {Checkpoint: proof.Checkpoint{Origin: "o", Size: 3}, RootIndex: 0}}}
	f.Add(st.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := decodeState(b)
		if err != nil {
			return
		}
		if _, err := decodeState(st.encode()); err != nil {
			t.Fatal(err)
		}
	})
}

// A power cut may take a hash far from the edge, which no growth would notice.
func TestAHashInTheMiddleIsMadeAgain(t *testing.T) {
	mem := newDisk(t)
	w := newWorld(t, mem, 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(1)
	const leaves = tree.TileWidth*tree.TileWidth + 300 // one tile of level 1 is full
	if err := w.round(growth{1, leaves, true}); err != nil {
		t.Fatal(err)
	}
	for _, level := range []int{1, 2} {
		flip(t, mem, w.treeFile(1, hashesFile(level)), 3)
		if _, err := w.OpenTree(1); err != nil {
			t.Fatal(err)
		}
		head, _ := w.Head(1)
		if _, err := tree.ProveInclusion(head.Checkpoint, leaves/2, w.Tiles(1)); err != nil {
			t.Errorf("level %d: %v", level, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAMissingJournalFileIsDamage(t *testing.T) {
	w, mem := threeRounds(t)
	if err := mem.Remove(w.journal.name(w.journal.id)); err != nil {
		t.Fatal(err)
	}
	if err := w.open(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("opened without its journal: %v", err)
	}
}

// A tree may be opened in one round and have its first leaves in another.
func TestATreeThatWasOpenedAndHasNoLeavesIsOpenAgain(t *testing.T) {
	disk := newDisk(t)
	w := newWorld(t, disk, 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.create(2)
	if err := w.round(growth{id: 1, leaves: 3}); err != nil {
		t.Fatal(err)
	}
	after := disk.Crash(vfs.KeepNone)
	_ = w.Close()
	w = newWorld(t, after, 0)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.resume()
	w.create(2)
	if opened, err := w.OpenTree(2); err != nil || opened.Size() != 0 {
		t.Fatalf("%v, %v", opened, err)
	}
	if err := w.round(growth{id: 2, leaves: 3}); err != nil {
		t.Fatal(err)
	}
	w.check()
}
