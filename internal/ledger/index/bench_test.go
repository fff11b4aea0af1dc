package index

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"testing"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// grow adds records with a key each, and no more than that, in batches of 1,000.
func grow(b *testing.B, ix *Index, p *Partition, count int64) {
	c := ix.Collector()
	defer c.Release()
	var key [16]byte
	for next := p.Next(); count > 0; count -= 1000 {
		c.items = c.items[:0]
		for i := range int64(1000) {
			binary.BigEndian.PutUint64(key[8:], uint64(next+i)/4)
			c.Record(next+i, next+i, key[:], nil, batch.Headers{})
		}
		for p.Add(next, next+1000, c) == NoRoom {
			if err := ix.writeAll(); err != nil {
				b.Fatal(err)
			}
		}
		next += 1000
	}
	if err := ix.writeAll(); err != nil {
		b.Fatal(err)
	}
}

// All that a record with a key of 16 bytes costs: hashing, sorting, writing and
// merging.
func BenchmarkAdd(b *testing.B) {
	ix, err := Open(Config{FS: vfs.OS(), Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	p, err := ix.Partition(orders, 0)
	if err != nil {
		b.Fatal(err)
	}
	const count = 1 << 20
	before := cpu(b)
	for b.Loop() {
		grow(b, ix, p, count)
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/count, "CPU-ns/record")
}

// One key among many records: four of them have it.
func BenchmarkFind(b *testing.B) {
	for _, millions := range []int64{1, 10, 100} {
		b.Run(fmt.Sprintf("%dM", millions), func(b *testing.B) {
			ix, err := Open(Config{FS: vfs.OS(), Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			p, err := ix.Partition(orders, 0)
			if err != nil {
				b.Fatal(err)
			}
			grow(b, ix, p, millions*1_000_000)
			var terms Terms
			terms.AnyTime()
			i := int64(0)
			for b.Loop() {
				var key [16]byte
				i += 7919
				at := i * 1_000 % (millions * 1_000_000)
				binary.BigEndian.PutUint64(key[8:], uint64(at)/4)
				terms.Values[Key] = key[:]
				if got := found(b, p, terms, 0); len(got) != 4 {
					b.Fatalf("found %v", got)
				}
			}
			b.ReportMetric(float64(len(p.mu.blocks)), "blocks")
		})
	}
}

// cpu is the process's CPU time in nanoseconds.
func cpu(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
