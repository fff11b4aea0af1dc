package state

import (
	"fmt"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

var (
	start = time.UnixMilli(1_700_000_000_000)
	topic = [16]byte{1, 2, 3}
)

// openDB opens a DB with stores for tests: a, b, and ttl, whose values live an hour.
func openDB(t testing.TB, fs vfs.FS) *DB {
	t.Helper()
	db, err := Open(Config{
		FS: fs, Dir: "/state", Reserve: 1,
		Stores: []StoreConfig{{Name: "a"}, {Name: "b"}, {Name: "ttl", TTL: time.Hour}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// attached is a task whose changelog is new, or goes as far as the state.
func attached(t testing.TB, db *DB, partition int32) *Task {
	t.Helper()
	task, err := db.Task(partition)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := task.Attach(Changelog{Topic: topic, End: 1 << 40}, start); err != nil {
		t.Fatal(err)
	}
	return task
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsCommittedIsThereAfterReopening(t *testing.T) {
	fs := vfs.NewMem()
	db := openDB(t, fs)
	task := attached(t, db, 3)
	tx := task.Begin(start)
	for i := range 100 {
		must(t, tx.Store("a").Put(fmt.Appendf(nil, "key %d", i), fmt.Appendf(nil, "value %d", i)))
	}
	if n := len(tx.Changes()); n != 100 {
		t.Fatalf("%d changes", n)
	}
	must(t, tx.Commit(100))
	must(t, db.Close())
	db = openDB(t, fs)
	task = attached(t, db, 3)
	if p := task.Position(); p.Next != 100 {
		t.Fatalf("position %v", p)
	}
	v, ok, err := task.Get("a", []byte("key 7"), start)
	if err != nil || !ok || string(v) != "value 7" {
		t.Fatalf("%q %t %v", v, ok, err)
	}
	n := 0
	for e, err := range task.Range("a", nil, nil, start) {
		must(t, err)
		_ = e
		n++
	}
	if n != 100 {
		t.Fatalf("%d entries", n)
	}
}
