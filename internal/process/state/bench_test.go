package state

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// cpu is the process's CPU time.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchDir is a folder on a disk: EVIDENT_BENCH_DIR, or where tests have theirs.
func benchDir(b *testing.B) string {
	dir, err := os.MkdirTemp(os.Getenv("EVIDENT_BENCH_DIR"), "evident-state-*")
	must(b, err)
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func benchDB(b *testing.B, limits Limits) *DB {
	memory := NewMemory(limits)
	db, err := Open(Config{Dir: benchDir(b), Stores: []StoreConfig{{Name: "count"}, {Name: "seen", TTL: time.Hour}}, Memory: memory})
	must(b, err)
	b.Cleanup(func() {
		must(b, db.Close())
		memory.Close()
	})
	return db
}

// benchKey is key number n of 16 bytes, in no order.
func benchKey(key []byte, n uint64) []byte {
	key = binary.BigEndian.AppendUint64(key[:0], n*0x9E3779B97F4A7C15)
	return binary.BigEndian.AppendUint64(key, n)
}

// fillKeys restores so many keys with values of 8 bytes.
func fillKeys(b *testing.B, task *Task, keys int) {
	r := task.Restore()
	addKeys(b, r, keys, 8)
	must(b, r.Finish(start))
}

// addKeys adds keys as they come from a changelog: polls of 10,000 records.
func addKeys(b *testing.B, r *Restore, keys, size int) {
	const poll = 10_000
	changes := make([]Change, poll)
	value := appendValue(nil, make([]byte, size), never)
	for i := 0; i < keys; i += poll {
		for j := range changes {
			key := appendKey(changes[j].Key[:0], "count", nil)
			n := uint64(i + j)
			key = binary.BigEndian.AppendUint64(key, n*0x9E3779B97F4A7C15)
			changes[j] = Change{Key: binary.BigEndian.AppendUint64(key, n), Value: value}
		}
		must(b, r.Add(changes, int64(i+poll), start))
	}
}

// Counting: a read and a write of one of so many keys, in steps of 10,000 of them. One
// operation is both.
func BenchmarkCount(b *testing.B) {
	for _, bench := range []struct {
		name  string
		keys  uint64
		cache int64
	}{{"1kKeys", 1_000, 64 << 20}, {"100kKeys", 100_000, 64 << 20}, {"10MKeys", 10_000_000, 64 << 20}, {"10MKeys1GCache", 10_000_000, 1 << 30}} {
		b.Run(bench.name, func(b *testing.B) {
			db := benchDB(b, Limits{Cache: bench.cache})
			task := attached(b, db, 0)
			if bench.keys > 1_000_000 {
				fillKeys(b, task, int(bench.keys))
			}
			count(b, task, bench.keys)
		})
	}
}

func count(b *testing.B, task *Task, keys uint64) {
	rng := rand.New(rand.NewPCG(1, 2))
	var key, value []byte
	before := cpu(b)
	b.ReportAllocs()
	tx := task.Begin(start)
	store := tx.Store("count")
	n := int64(0)
	for b.Loop() {
		key = benchKey(key, rng.Uint64N(keys))
		mark := tx.Mark()
		old, _, err := store.Get(key)
		if err != nil {
			b.Fatal(err) // must would take more time than Get
		}
		var count uint64
		if len(old) == 8 {
			count = binary.BigEndian.Uint64(old)
		}
		value = binary.BigEndian.AppendUint64(value[:0], count+1)
		if err := store.Put(key, value); err != nil {
			b.Fatal(err)
		}
		_ = mark
		if n++; n%10_000 == 0 {
			_ = tx.Changes()
			must(b, tx.Commit(n))
			task.Begin(start)
		}
	}
	tx.Discard()
	used := cpu(b) - before
	b.ReportMetric(float64(used)/float64(b.N), "CPU-ns/op")
	b.ReportMetric(2*float64(b.N)/used.Seconds(), "reads+writes/CPU-s")
}

// A restore from nothing: one operation is a whole restore of 10 million keys, or of
// EVIDENT_BENCH_KEYS.
func BenchmarkRestore(b *testing.B) {
	keys := 10_000_000
	if s := os.Getenv("EVIDENT_BENCH_KEYS"); s != "" {
		var err error
		keys, err = strconv.Atoi(s)
		must(b, err)
	}
	for b.Loop() {
		db := benchDB(b, Limits{})
		task := attached(b, db, 0)
		before, began := cpu(b), time.Now()
		r := task.Restore()
		addKeys(b, r, keys, 8)
		must(b, r.Finish(start))
		b.ReportMetric(float64(keys)/time.Since(began).Seconds(), "keys/s")
		b.ReportMetric(float64(keys)/(cpu(b)-before).Seconds(), "keys/CPU-s")
		m := db.pebble.Metrics()
		b.ReportMetric(float64(m.DiskSpaceUsage())/float64(keys), "B/key")
	}
}
