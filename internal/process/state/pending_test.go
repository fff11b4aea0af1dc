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

// smallDB has little room for what is pending, so that its drainer is at work.
func smallDB(t *testing.T, fs vfs.FS) *DB {
	db, err := Open(Config{
		FS: fs, Dir: "/state", Reserve: 1, Stores: []StoreConfig{{Name: "a"}},
		Memory: sharedMemory(t, Limits{Memtables: 30_000}),
	})
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// Whoever reads one key again and again beside steps sees what was committed, the newer
// after the older, while it moves from what is pending to Pebble.
func TestReadersBesideStepsNeverSeeAnOlderValue(t *testing.T) {
	db := smallDB(t, vfs.NewMem())
	task := attached(t, db, 0)
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for last := uint64(0); ; {
				v, ok, err := task.Get("a", []byte("key 7"), start)
				if errors.Is(err, ErrClosed) {
					return
				}
				n := uint64(0)
				if ok {
					n = binary.BigEndian.Uint64(v)
				}
				if err != nil || n < last {
					t.Errorf("after the value of step %d that of %d, %v", last, n, err)
					return
				}
				last = n
			}
		})
	}
	for i := range uint64(300) {
		tx := task.Begin(start)
		for k := range 50 {
			must(t, tx.Store("a").Put(fmt.Appendf(nil, "key %d", k), binary.BigEndian.AppendUint64(nil, i+1)))
		}
		must(t, tx.Commit(int64(i+1)))
	}
	must(t, db.Close())
	readers.Wait()
}

func TestWhatIsPendingIsBounded(t *testing.T) {
	db := smallDB(t, vfs.NewMem())
	task := attached(t, db, 0)
	most := 0
	for i := range int64(2000) {
		tx := task.Begin(start)
		must(t, tx.Store("a").Put(fmt.Append(nil, i), make([]byte, 10)))
		must(t, tx.Commit(i+1))
		most = max(most, task.pending.size())
	}
	if most > 50_000 {
		t.Errorf("%d bytes are pending, where 20,000 and a chunk for each half are to be", most)
	}
}

// A key that is gone again before Pebble is given anything costs it nothing.
func TestShortLivedKeysNeverReachPebble(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	task := attached(t, db, 0)
	for i := range int64(100) {
		key := fmt.Append(nil, i)
		tx := task.Begin(start)
		_, ok, err := tx.Store("a").Get(key)
		must(t, err)
		if ok {
			t.Fatalf("%q is there", key)
		}
		must(t, tx.Store("a").Put(key, nil))
		must(t, tx.Commit(2*i+1))
		tx = task.Begin(start)
		must(t, tx.Store("a").Delete(key))
		must(t, tx.Commit(2*i+2))
	}
	must(t, db.flush())
	if n := db.pebble.Metrics().Keys.TombstoneCount; n != 0 {
		t.Errorf("%d deletions are in Pebble", n)
	}
	for e := range task.Range("a", nil, nil, start) {
		t.Errorf("%q is there", e.Key)
	}
}

// The same of keys that Pebble has: their deletion is not lost.
func TestDeletedKeysStayAwayThoughTheyCameBackMeanwhile(t *testing.T) {
	fs := vfs.NewMem()
	db := openDB(t, fs)
	task := attached(t, db, 0)
	key := []byte("k")
	next := int64(0)
	commit := func(change func(*Store) error) {
		tx := task.Begin(start)
		must(t, change(tx.Store("a")))
		next++
		must(t, tx.Commit(next))
	}
	put := func(s *Store) error { return s.Put(key, []byte("v")) }
	remove := func(s *Store) error { return s.Delete(key) }
	commit(put)
	must(t, db.flush())
	commit(remove)
	commit(put)
	commit(remove)
	must(t, db.Close())
	task = attached(t, openDB(t, fs), 0)
	if v, ok, err := task.Get("a", key, start); ok || err != nil {
		t.Errorf("it is back: %q, %v", v, err)
	}
}

// Who asks for keys in their order again and again waits for little that has to be
// written first.
func TestLittleIsPendingWhereKeysAreAskedForInTheirOrder(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	task := attached(t, db, 0)
	fill := func(from, to int) {
		tx := task.Begin(start)
		for i := from; i < to; i++ {
			must(t, tx.Store("a").Put(fmt.Appendf(nil, "key %d", i), nil))
		}
		must(t, tx.Commit(int64(to)))
	}
	look := func() {
		for _, err := range task.Range("a", []byte("key 7"), []byte("key 8"), start) {
			must(t, err)
		}
	}
	fill(0, 20_000)
	if n := task.pending.size(); n < 1<<20 {
		t.Errorf("%d bytes are pending before anybody asks: nothing was to be written", n)
	}
	look()
	most := 0
	for i := 20_000; i < 60_000; i += 500 {
		fill(i, i+500)
		most = max(most, task.pending.size())
	}
	if most > 3*orderedShare {
		t.Errorf("%d bytes are pending after somebody asked", most)
	}
}

// The drainer writes what there was enough of, not what steps commit meanwhile: it would
// go on for ever, with a little each time.
func TestTheDrainerLeavesWhatIsCommittedMeanwhile(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	task := attached(t, db, 0)
	put := func(key string, next int64) {
		tx := task.Begin(start)
		must(t, tx.Store("a").Put([]byte(key), nil))
		must(t, tx.Commit(next))
	}
	put("enough", 1)
	task.pending.mu.Lock()
	task.pending.freeze(task.Position())
	task.pending.mu.Unlock()
	put("meanwhile", 2)
	db.drainSome()
	if task.pending.isFull() || task.pending.size() == 0 {
		t.Errorf("%d bytes are pending, and some are being written: %t", task.pending.size(), task.pending.isFull())
	}
	must(t, task.drain())
	if n := task.pending.size(); n > 0 {
		t.Errorf("%d bytes are pending after all was written", n)
	}
}

// What was committed goes to disk every 30 s also by a clock that was set back by a year.
func TestAClockSetBackDoesNotKeepStateFromTheDisk(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	task := attached(t, db, 0)
	for i, at := range []time.Duration{0, -365 * 24 * time.Hour, 40*time.Second - 365*24*time.Hour} {
		now := start.Add(at)
		tx := task.Begin(now)
		must(t, tx.Store("a").Put(fmt.Append(nil, i), nil))
		must(t, tx.Commit(int64(i+1)))
		if got := db.flushed.Load(); got != now.UnixMilli() {
			t.Errorf("step %d, at %v, begins no flush: the latest was at %v", i, now, time.UnixMilli(got))
		}
	}
}
