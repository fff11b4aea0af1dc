package state

import (
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

func TestStateIsEmptyUntilAKeyIsCommittedAndWhenTheLastIsGone(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	task, other := attached(t, db, 0), attached(t, db, 1)
	want := func(when string, want bool) {
		t.Helper()
		got, err := task.Empty()
		must(t, err)
		if got != want {
			t.Errorf("%s: empty is %t, want %t", when, got, want)
		}
	}
	tx := other.Begin(start)
	must(t, tx.Store("a").Put([]byte("k"), nil))
	must(t, tx.Commit(1))
	want("when another task has a key", true)
	tx = task.Begin(start)
	must(t, tx.Store("ttl").PutUntil([]byte("k"), nil, start.Add(time.Millisecond)))
	want("before it is committed", true)
	must(t, tx.Commit(1))
	want("with a key that has long expired and is still there", false)
	tx = task.Begin(start)
	must(t, tx.Store("ttl").Put([]byte("k"), nil))
	must(t, tx.Store("ttl").Delete([]byte("k")))
	must(t, tx.Commit(2))
	want("without any key", true)
}
