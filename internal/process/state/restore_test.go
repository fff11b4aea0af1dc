package state

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// A run is put aside beside what comes next: if that fails, what was in it is missing, and
// nothing that came later may become part of the state.
func TestARestoreThatLosesARunChangesNothing(t *testing.T) {
	for _, fails := range []vfs.OpKind{vfs.OpCreate, vfs.OpWrite} {
		mem, broken := memFS(), true
		fs := vfs.NewFaulty(mem, func(op vfs.Op) error {
			if broken && op.Kind == fails && strings.Contains(op.Name, "restore-") {
				return io.ErrShortWrite
			}
			return nil
		})
		db := openDB(t, fs)
		task := attached(t, db, 0)
		r := task.Restore()
		change := func(key string) []Change {
			return []Change{{appendKey(nil, "a", []byte(key)), appendValue(nil, []byte("v"), never)}}
		}
		must(t, r.Add(change("lost"), 1, start))
		must(t, r.putAside())
		must(t, r.Add(change("later"), 2, start))
		if err := r.putAside(); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("with %v that fails the next run is put aside with %v", fails, err)
		}
		broken = false
		if err := r.Finish(start); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("with %v that fails it ends with %v", fails, err)
		}
		if m, err := contents(task, "a", start); err != nil || len(m) > 0 || task.Position().Next != 0 {
			t.Errorf("%v at %d, %v: want nothing at 0", m, task.Position().Next, err)
		}
		if left := leftovers(t, mem); len(left) > 0 {
			t.Errorf("%q are left over", left)
		}
	}
}

// Of more runs than are merged at once some become part of the state before the end.
func TestManyRunsBecomePartOfTheStateBeforeTheEnd(t *testing.T) {
	db, err := Open(Config{FS: memFS(), Dir: "/state", Reserve: 1, Stores: []StoreConfig{{Name: "a"}}, Memory: sharedMemory(t, Limits{Runs: 1})})
	must(t, err)
	defer db.Close()
	task := attached(t, db, 0)
	r := task.Restore()
	defer r.Discard()
	value := appendValue(nil, make([]byte, db.memory.runSize()), never) // a run each
	for i := range int64(maxRuns) {
		must(t, r.Add([]Change{{appendKey(nil, "a", fmt.Append(nil, i)), value}}, i+1, start))
	}
	if n := task.Position().Next; n != maxRuns {
		t.Errorf("the state is that of offset %d, want %d", n, maxRuns)
	}
	if _, ok, err := task.Get("a", []byte("0"), time.Time{}); !ok || err != nil {
		t.Errorf("a key of it is there: %t, %v", ok, err)
	}
}
