package seen

import (
	"encoding/binary"
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

var ids = flag.Int("ids", 1_000_000, "how many ids the benchmarks' sets have")

// idNumber is an id like that of a real one: all of its bytes are random.
func idNumber(n uint64) ID {
	var text [8]byte
	binary.LittleEndian.PutUint64(text[:], n)
	return Of(text[:])
}

// BenchmarkFull adds ids to a set that has as many as it may have, so that each one that
// comes has one go, and looks for ids that are in it.
func BenchmarkFull(b *testing.B) {
	before := resident(b)
	s, err := New(Config{Window: 24 * time.Hour, Limit: *ids}, 0)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	next := uint64(0)
	for ; next < uint64(*ids); next++ {
		s.Add(idNumber(next), int64(next), nil)
	}
	filled := time.Since(began)
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			id := idNumber(next)
			if _, ok := s.Find(id, int64(next)); ok {
				b.Fatal("a new id was seen")
			}
			s.Add(id, int64(next), nil)
			s.Expire(1)
			next++
		}
		b.ReportMetric(float64(filled.Nanoseconds())/float64(*ids), "ns/fill")
		b.ReportMetric((resident(b)-before)/float64(*ids), "B/id")
	})
	b.Run("seen", func(b *testing.B) {
		back := uint64(0)
		for b.Loop() {
			back = (back + 7_654_321) % uint64(*ids)
			if _, ok := s.Find(idNumber(next-1-back), int64(next)); !ok {
				b.Fatal("an id was forgotten")
			}
		}
	})
}

// BenchmarkFill has a set made again from what was kept.
func BenchmarkFill(b *testing.B) {
	for b.Loop() {
		s, err := New(Config{Window: 24 * time.Hour, Limit: *ids}, 0)
		if err != nil {
			b.Fatal(err)
		}
		s.Fill(func(yield func(Remembered) bool) {
			for n := range uint64(*ids) {
				yield(Remembered{ID: idNumber(n), At: int64(n)})
			}
		})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(*ids), "ns/id")
}

// resident is the memory of the process, in bytes; 0 where it cannot be known.
func resident(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * float64(os.Getpagesize())
}
