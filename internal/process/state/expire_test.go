package state

import (
	"fmt"
	"testing"
	"time"
)

// What was restored expires like what was put here: else its room would never come back.
func TestWhatWasRestoredIsDeletedWhenItHasExpired(t *testing.T) {
	db := openDB(t, memFS())
	task := attached(t, db, 0)
	change := func(key string) Change {
		return Change{appendKey(nil, "ttl", []byte(key)), appendValue(nil, []byte("v"), start.Add(time.Hour).UnixMilli())}
	}
	r := task.Restore()
	must(t, r.Add([]Change{change("restored")}, 1, start))
	must(t, r.Finish(start))
	must(t, task.Apply([]Change{change("applied")}, 2, start, start))
	for _, step := range []struct {
		at   time.Duration
		want int
	}{{time.Minute, 0}, {2 * time.Hour, 2}, {3 * time.Hour, 0}} {
		tx := task.Begin(start.Add(step.at))
		n, err := tx.Expire(10)
		must(t, err)
		if n != step.want || len(tx.Changes()) != step.want {
			t.Errorf("after %v %d were gone through, with %d changes: want %d", step.at, n, len(tx.Changes()), step.want)
		}
		if n > 0 {
			must(t, tx.Commit(3))
		}
	}
}

// What is due is found without what is pending being written each time, and once.
func TestExpiringDoesNotWriteWhatIsPending(t *testing.T) {
	db, err := Open(Config{FS: memFS(), Dir: "/state", Reserve: 1, FlushAfter: 24 * time.Hour, Stores: []StoreConfig{{Name: "ttl", TTL: time.Hour}}})
	must(t, err)
	defer db.Close()
	task := attached(t, db, 0)
	tx := task.Begin(start)
	for i := range 50 {
		must(t, tx.Store("ttl").Put(fmt.Append(nil, i), nil))
	}
	must(t, tx.Commit(1))
	later := start.Add(2 * time.Hour)
	for i := range int64(50) {
		tx := task.Begin(later)
		n, err := tx.Expire(1)
		must(t, err)
		if n != 1 || len(tx.Changes()) != 1 {
			t.Fatalf("step %d goes through %d, with %d changes, want one", i, n, len(tx.Changes()))
		}
		if i > 0 && task.pending.size() == 0 {
			t.Fatalf("step %d has what is pending written", i)
		}
		must(t, tx.Store("ttl").Put(fmt.Append(nil, "new", i), nil))
		must(t, tx.Commit(i+2))
	}
	tx = task.Begin(later)
	if n, err := tx.Expire(1); n != 0 || err != nil {
		t.Errorf("%d more, %v", n, err)
	}
	tx = task.Begin(later.Add(2 * time.Hour))
	if n, err := tx.Expire(100); n != 50 || err != nil {
		t.Errorf("of what was put meanwhile %d expired, %v: want 50", n, err)
	}
}

// The index may lead to keys that are gone, or live longer: there is nothing to tell the
// changelog, and the next step must not find the same again, for ever.
func TestAStepWithoutChangesDoesNotGoThroughTheSameAgain(t *testing.T) {
	fs := memFS()
	db := openDB(t, fs)
	task := attached(t, db, 0)
	for i, change := range []func(*Store) error{
		func(s *Store) error { return s.Put([]byte("k"), nil) },
		func(s *Store) error { return s.PutUntil([]byte("k"), nil, time.Time{}) },
	} {
		tx := task.Begin(start)
		must(t, change(tx.Store("ttl")))
		must(t, tx.Commit(int64(i+1)))
	}
	later := start.Add(2 * time.Hour)
	expire := func(want int) {
		t.Helper()
		tx := task.Begin(later)
		n, err := tx.Expire(10)
		must(t, err)
		if n != want || len(tx.Changes()) != 0 {
			t.Errorf("%d are gone through, with %d changes, want %d without", n, len(tx.Changes()), want)
		}
		must(t, tx.Unchanged())
	}
	expire(1)
	expire(0)
	if _, ok, err := task.Get("ttl", []byte("k"), later); !ok || err != nil {
		t.Errorf("the key that lives is gone, %v", err)
	}
	if p := task.Position(); p.Next != 2 {
		t.Errorf("position %d, want 2", p.Next)
	}
	must(t, db.Close())
	task = attached(t, openDB(t, fs), 0)
	expire(0)
}

// What a step puts may expire while it is under way, before others that it goes through:
// the next step must not begin to look behind it.
func TestWhatExpiresInTheStepThatPutsItIsDeletedToo(t *testing.T) {
	db := openDB(t, memFS())
	task := attached(t, db, 0)
	tx := task.Begin(start)
	must(t, tx.Store("ttl").PutUntil([]byte("other"), nil, start.Add(time.Minute)))
	must(t, tx.Commit(1))
	later := start.Add(time.Hour)
	tx = task.Begin(start)
	must(t, tx.Store("ttl").PutUntil([]byte("short"), nil, start.Add(time.Second)))
	tx.SetNow(later)
	if n, err := tx.Expire(10); n != 1 || err != nil {
		t.Fatalf("%d are gone through, %v: want that of the step before", n, err)
	}
	must(t, tx.Commit(2))
	tx = task.Begin(later)
	if n, err := tx.Expire(10); n != 1 || len(tx.Changes()) != 1 || err != nil {
		t.Errorf("%d are gone through, with %d changes, %v: want that which was put", n, len(tx.Changes()), err)
	}
}
