package state

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// written is a folder with state in several files, closed in good order.
func written(t *testing.T) (*vfs.Mem, *workload) {
	mem := vfs.NewMem()
	w := newWorkload(mem)
	must(t, w.run())
	return mem, w
}

// names are the files in the folder.
func names(t *testing.T, fs vfs.FS) (list []string) {
	entries, err := fs.ReadDir("/state")
	must(t, err)
	for _, e := range entries {
		list = append(list, filepath.Join("/state", e.Name()))
	}
	return list
}

func size(t *testing.T, fs vfs.FS, name string) int64 {
	info, err := fs.Stat(name)
	must(t, err)
	return info.Size()
}

// A bit that flips anywhere is found or does no harm: what is served is the state after
// some step, or nothing, or an error.
func TestDamageIsNeverServed(t *testing.T) {
	base, w := written(t)
	flips, found := 0, 0
	look := base.Crash(vfs.KeepAll)
	for _, name := range names(t, look) {
		n := size(t, look, name)
		for off := int64(0); off < n; off += max(1, n/60) {
			fs := base.Crash(vfs.KeepAll)
			must(t, fs.FlipBit(name, off))
			flips++
			switch err := servedRight(w, fs); {
			case errors.Is(err, ErrCorrupt):
				found++
			case err != nil:
				t.Fatalf("a bit flipped at %d of %d in %s: %v", off, n, name, err)
			}
		}
	}
	if flips < 200 || found == 0 {
		t.Errorf("%d flips, of which %d were found when reading: too few", flips, found)
	}
}

// servedRight opens what may be damaged. If reading says so, opening once more has to
// give an empty state that can be used.
func servedRight(w *workload, fs *vfs.Mem) error {
	v := *w
	v.fs = fs
	db, task, err := v.open()
	if err == nil {
		err = errors.Join(v.holds(task), db.Close())
	}
	if err == nil {
		return nil
	}
	if !errors.Is(err, ErrCorrupt) {
		return err
	}
	db, task, again := v.open()
	if again == nil {
		if p := task.Position(); p.Next != 0 {
			again = fmt.Errorf("damage was found (%v), and yet there is state of %d", err, p.Next)
		}
		again = errors.Join(again, v.holds(task), v.step(task), db.Close())
	}
	if again != nil {
		return fmt.Errorf("opened again after %v: %w", err, errors.Join(again))
	}
	return err
}

func TestMissingAndCutFilesAreDamage(t *testing.T) {
	base, w := written(t)
	for _, name := range names(t, base.Crash(vfs.KeepAll)) {
		fs := base.Crash(vfs.KeepAll)
		must(t, fs.Remove(name))
		if err := servedRight(w, fs); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("without %s: %v", name, err)
		}
		fs = base.Crash(vfs.KeepAll)
		f, err := fs.Open(name, vfs.Write)
		must(t, err)
		must(t, f.Truncate(size(t, fs, name)/2))
		must(t, f.Close())
		if err := servedRight(w, fs); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("with half of %s: %v", name, err)
		}
	}
}

func TestGarbageInTheFolderIsDiscarded(t *testing.T) {
	fs := vfs.NewMem()
	must(t, fs.MkdirAll("/state"))
	f, err := fs.Open("/state/000004.sst", vfs.Create)
	must(t, err)
	_, err = f.WriteAt([]byte("no table"), 0)
	must(t, errors.Join(err, f.Close()))
	db := openDB(t, fs)
	if p := attached(t, db, 0).Position(); p.Next != 0 {
		t.Errorf("there is state of %d", p.Next)
	}
}

func TestFolderOfALaterVersionIsRefusedAndKept(t *testing.T) {
	fs, w := written(t)
	f, err := fs.Open("/state/FORMAT", vfs.Write)
	must(t, err)
	_, err = f.WriteAt([]byte(formatLine(formatVersion+1)), 0)
	must(t, errors.Join(err, f.Close()))
	before := names(t, fs)
	if _, _, err := w.open(); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "version 2") || errors.Is(err, ErrCorrupt) {
		t.Errorf("opened with error %v", err)
	}
	if after := names(t, fs); strings.Join(after, " ") != strings.Join(before, " ") {
		t.Errorf("there was %q, and now %q", before, after)
	}
}

func TestFolderHasOneUser(t *testing.T) {
	fs := vfs.NewMem()
	openDB(t, fs)
	if _, err := Open(Config{FS: fs, Dir: "/state"}); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("opened twice, with error %v", err)
	}
}

// A disk that has filled up makes steps wait with ErrFull, and nothing is lost.
func TestFullDiskRefusesStepsUntilThereIsRoom(t *testing.T) {
	mem := vfs.NewMem()
	mem.SetLimit(64 << 20)
	db, err := Open(Config{FS: mem, Dir: "/state", Reserve: 16 << 20, Stores: []StoreConfig{{Name: "a"}}, Memory: sharedMemory(t, Limits{Memtables: 1 << 20})})
	must(t, err)
	defer db.Close()
	task := attached(t, db, 0)
	other, err := mem.Open("/other", vfs.Create)
	must(t, err)
	_, err = other.WriteAt(make([]byte, 56<<20), 0)
	must(t, err)
	var tx *Tx
	for i := int64(1); ; i++ {
		tx = task.Begin(start)
		must(t, tx.Store("a").Put(fmt.Appendf(nil, "%d", i), make([]byte, 100_000)))
		if err = tx.Commit(i); err != nil {
			break
		}
		if i > 100 {
			t.Fatal("10 MB were written to a full disk")
		}
	}
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "16777216 must stay so") {
		t.Fatalf("refused with %v", err)
	}
	for _, err := range task.Range("a", nil, nil, start) {
		must(t, err) // what is there can be read
	}
	must(t, other.Truncate(0))
	must(t, tx.Commit(1000))
	if p := task.Position().Next; p != 1000 {
		t.Errorf("position %d", p)
	}
	must(t, db.Err())
}

func sharedMemory(t testing.TB, l Limits) *Memory {
	m := NewMemory(l)
	t.Cleanup(m.Close)
	return m
}

// A disk that fails for good makes everything an error, and nothing hang.
func TestFailedDiskEndsWhatIsUnderWay(t *testing.T) {
	mem := vfs.NewMem()
	broken := false
	fs := vfs.NewFaulty(mem, func(op vfs.Op) error {
		if broken && op.Kind.Mutates() {
			return io.ErrShortWrite
		}
		return nil
	})
	w := newWorkload(fs)
	db, task, err := w.open()
	must(t, err)
	must(t, w.step(task))
	must(t, db.flush())
	broken = true
	must(t, w.step(task))
	if err := db.flush(); !errors.Is(err, ErrFailed) {
		t.Errorf("flushed with %v", err)
	}
	if err := w.step(task); !errors.Is(err, ErrFailed) {
		t.Errorf("a step ended with %v", err)
	}
	if _, _, err := task.Get("a", []byte("key 1"), w.now); !errors.Is(err, ErrFailed) {
		t.Errorf("read with %v", err)
	}
	if err := db.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("closed with %v", err)
	}
	w.fs = mem.Crash(vfs.KeepNone)
	db, task, err = w.open()
	must(t, err)
	must(t, w.holds(task))
	if p := task.Position().Next; p != 1 {
		t.Errorf("position %d", p)
	}
	must(t, db.Close())
}

func TestChangelogThatDoesNotFitDiscardsState(t *testing.T) {
	day := Changelog{Topic: topic, End: 40, Tombstones: 24 * time.Hour}
	for name, c := range map[string]struct {
		log  Changelog
		late int // hours
		next int64
	}{
		"the same":                    {day, 1, 10},
		"another topic":               {Changelog{Topic: [16]byte{9}, End: 40}, 1, 0},
		"shorter":                     {Changelog{Topic: topic, End: 9}, 1, 0},
		"cut off at its beginning":    {Changelog{Topic: topic, Start: 30, End: 40}, 1, 30},
		"without older deletions":     {day, 25, 0},
		"without, but nothing is new": {Changelog{Topic: topic, End: 10, Tombstones: day.Tombstones}, 25, 10},
		"deletions are kept for ever": {Changelog{Topic: topic, End: 40}, 1000, 10},
	} {
		t.Run(name, func(t *testing.T) {
			fs, w := written(t)
			db, err := Open(Config{FS: fs, Dir: "/state", Reserve: 1, Stores: []StoreConfig{{Name: "a"}}})
			must(t, err)
			defer db.Close()
			task, err := db.Task(1)
			must(t, err)
			now := w.now.Add(hours(c.late))
			next, err := task.Attach(c.log, now)
			must(t, err)
			got, err := contents(task, "a", now)
			must(t, err)
			if next != c.next || c.next == 10 && !maps.Equal(got, w.last) || c.next != 10 && len(got) > 0 {
				t.Errorf("goes on at %d with %d keys, want %d", next, len(got), c.next)
			}
		})
	}
}

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }
