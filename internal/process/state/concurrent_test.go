package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// Readers beside steps see whole steps that were committed, or ErrClosed in the end.
func TestReadersBesideStepsSeeCommittedStepsOnly(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	task := attached(t, db, 0)
	const keys, steps = 20, 200
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				if err := sameEverywhere(task, keys); err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	for i := range uint64(steps) {
		tx := task.Begin(start)
		for k := range keys {
			must(t, tx.Store("a").Put(fmt.Append(nil, k), binary.BigEndian.AppendUint64(nil, i+1)))
		}
		if i%3 == 0 {
			tx.Discard()
			continue
		}
		must(t, tx.Commit(int64(i)))
	}
	must(t, db.Close())
	readers.Wait()
}

// sameEverywhere says whether all keys have one value, of a step that was not discarded.
func sameEverywhere(task *Task, keys int) error {
	var first uint64
	n := 0
	for e, err := range task.Range("a", nil, nil, start) {
		if err != nil {
			return err
		}
		v := binary.BigEndian.Uint64(e.Value)
		if n++; n == 1 {
			first = v
		}
		if v != first || v%3 == 1 {
			return fmt.Errorf("key %s has the value of step %d, another that of %d", e.Key, v, first)
		}
	}
	if n != 0 && n != keys {
		return fmt.Errorf("there are %d keys", n)
	}
	_, _, err := task.Get("a", []byte("0"), start)
	return err
}

// Close does not wait for a range that its own user goes on with, and nothing is read
// after it.
func TestCloseEndsRangesUnderWay(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	task := attached(t, db, 0)
	tx := task.Begin(start)
	for i := range 10 {
		must(t, tx.Store("a").Put(fmt.Append(nil, i), nil))
	}
	must(t, tx.Commit(1))
	closed := make(chan error)
	n := 0
	for _, err := range task.Range("a", nil, nil, start) {
		if n++; n == 1 {
			must(t, err)
			go func() { closed <- db.Close() }()
			<-db.gate.closing
			continue
		}
		if !errors.Is(err, ErrClosed) {
			t.Errorf("pair %d after closing: %v", n, err)
		}
	}
	if n != 2 {
		t.Errorf("%d pairs", n)
	}
	must(t, <-closed)
	if _, err := db.Task(0); !errors.Is(err, ErrClosed) {
		t.Errorf("used after closing with %v", err)
	}
	if err := tx.Commit(2); !errors.Is(err, ErrClosed) {
		t.Errorf("committed after closing with %v", err)
	}
}

// What has expired stays so when the clock is set back, as long as the task is here.
func TestClockSetBackBringsNothingBack(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	task := attached(t, db, 0)
	tx := task.Begin(start)
	must(t, tx.Store("ttl").Put([]byte("k"), []byte("v")))
	must(t, tx.Commit(1))
	get := func(now time.Time) bool {
		_, ok, err := task.Begin(now).Store("ttl").Get([]byte("k"))
		must(t, err)
		return ok
	}
	if !get(start.Add(time.Hour - time.Millisecond)) {
		t.Error("it is gone before its time")
	}
	if get(start.Add(time.Hour)) {
		t.Error("it is there at its time")
	}
	if get(start) {
		t.Error("it is back")
	}
}

func TestStoresThatAreNotDeclaredAreRefused(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	task := attached(t, db, 0)
	s := task.Begin(start).Store("c")
	_, _, err := s.Get(nil)
	for _, err := range []error{err, s.Put(nil, nil), s.Delete(nil), s.PutUntil(nil, nil, start.Add(1e9))} {
		if !errors.Is(err, ErrNoStore) {
			t.Errorf("used with %v", err)
		}
	}
	for _, err := range s.Range(nil, nil) {
		if !errors.Is(err, ErrNoStore) {
			t.Errorf("range with %v", err)
		}
	}
	if _, _, err := task.Get("c", nil, start); !errors.Is(err, ErrNoStore) {
		t.Errorf("read with %v", err)
	}
}

func TestEntryThatTheChangelogWouldNotTakeIsRefused(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	tx := attached(t, db, 0).Begin(start)
	if err := tx.Store("a").Put([]byte("k"), make([]byte, 1_000_000)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("put with %v", err)
	}
	if n := len(tx.Changes()); n != 0 {
		t.Errorf("%d changes", n)
	}
}

// Compactions of many DBs go on, one after the other, and end.
func TestManyDBsShareMemoryAndCompact(t *testing.T) {
	memory := sharedMemory(t, Limits{Cache: 1 << 20, Memtables: 1 << 20})
	var users sync.WaitGroup
	for i := range 8 {
		users.Go(func() {
			db, err := Open(Config{FS: vfs.NewMem(), Dir: "/state", Reserve: 1, Stores: []StoreConfig{{Name: "a"}}, Memory: memory})
			if err != nil {
				t.Error(err)
				return
			}
			task, err := db.Task(int32(i))
			for n := int64(0); n < 12 && err == nil; n++ {
				tx := task.Begin(start)
				for k := range 20 {
					err = errors.Join(err, tx.Store("a").Put(fmt.Append(nil, k), fmt.Append(nil, n)))
				}
				err = errors.Join(err, tx.Commit(n), db.flush())
			}
			if err := errors.Join(err, db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	users.Wait()
	if c := memory.compactions; c.mu.free == 0 || len(c.mu.dbs) != 0 {
		t.Errorf("%d compactions may run, %d DBs are left", c.mu.free, len(c.mu.dbs))
	}
}
