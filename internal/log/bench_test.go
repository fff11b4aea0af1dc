package log

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// onDisk opens a log as it runs in earnest, in a folder of its own.
func onDisk(b *testing.B, dir string) *testLog {
	return openLog(b, vfs.OS(), func(c *Config) {
		c.Dir, c.journalBytes, c.journalLimit, c.directBytes, c.youngBytes = dir, 0, 0, 0, 0
		c.Logger = nil
	})
}

func partitions(l *testLog, n int) []*Partition {
	list := make([]*Partition, n)
	for i := range list {
		list[i] = l.partition("bench", int32(i))
	}
	return list
}

// BenchmarkAppend appends batches of about 1 MB to ten partitions on the real
// disk, as fast as they become durable.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{100, 1024} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			l := onDisk(b, b.TempDir())
			parts := partitions(l, 10)
			l.start()
			n := 1_000_000 / (size + 10)
			benchmarkAppend(b, parts, n, size, 50)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
		})
	}
}

// BenchmarkAppendSmall appends single records to a thousand partitions, as they
// come from producers that wait for each.
func BenchmarkAppendSmall(b *testing.B) {
	l := onDisk(b, b.TempDir())
	parts := partitions(l, 1000)
	l.start()
	benchmarkAppend(b, parts, 1, 100, 200)
}

// benchmarkAppend keeps inflight batches of n records under way.
func benchmarkAppend(b *testing.B, parts []*Partition, n, size, inflight int) {
	raw := makeBatch(b, 0, n, size, nil)
	b.SetBytes(int64(len(raw)))
	slots := make(chan []byte, inflight)
	for range inflight {
		slots <- bytes.Clone(raw)
	}
	var wg sync.WaitGroup
	b.ResetTimer()
	for i := range b.N {
		raw := <-slots
		batch.Batch(raw).SetBaseOffset(0)
		wg.Add(1)
		_, err := parts[i%len(parts)].Append(raw, AckDurable, func(err error) {
			if err != nil {
				b.Error(err)
			}
			slots <- raw
			wg.Done()
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
	b.StopTimer()
}

// BenchmarkRead reads a partition from start to end, as a consumer that is far
// behind, in fetches of 1 MB.
func BenchmarkRead(b *testing.B) {
	l := onDisk(b, b.TempDir())
	p := l.partition("bench", 0)
	l.start()
	const total = 64
	for v := range total {
		mustAppend(b, p, makeBatch(b, v, 9000, 100, nil))
	}
	l.cache.trim(0)
	buf := vfs.AlignedBuffer(64 << 10)
	b.SetBytes(p.Size())
	for b.Loop() {
		for offset := p.LogStart(); offset < p.HighWatermark(); {
			offset = readOn(b, p, offset, buf)
		}
	}
}

// readOn reads from offset and returns the offset after the last whole batch.
func readOn(b *testing.B, p *Partition, offset int64, buf []byte) int64 {
	s, err := p.Read(offset, 1<<20, true)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.WriteTo(io.Discard, buf); err != nil {
		b.Fatal(err)
	}
	return offset + 9000
}

// BenchmarkRecovery opens a log with 256 MB behind the last checkpoint after a
// crash.
func BenchmarkRecovery(b *testing.B) {
	dir := b.TempDir()
	l := onDisk(b, dir)
	parts := partitions(l, 10)
	l.start()
	raw := makeBatch(b, 0, 9000, 100, nil)
	for i := range 256 {
		batch.Batch(raw).SetBaseOffset(0)
		mustAppend(b, parts[i%10], raw)
	}
	crash(b, l, dir)
	benchmarkOpen(b, dir, 10)
}

// BenchmarkOpen1000 is the time until a log with a thousand partitions is ready.
func BenchmarkOpen1000(b *testing.B) {
	for _, clean := range []bool{true, false} {
		name := "after a crash"
		if clean {
			name = "after a clean stop"
		}
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			l := onDisk(b, dir)
			parts := partitions(l, 1000)
			l.start()
			for _, p := range parts {
				mustAppend(b, p, makeBatch(b, 0, 1, 100, nil))
			}
			if clean {
				l.close()
			} else {
				crash(b, l, dir)
			}
			benchmarkOpen(b, dir, 1000)
		})
	}
}

// crash leaves the folder as it is and gives up the lock.
func crash(b *testing.B, l *testLog, dir string) {
	copyFolder(b, dir, dir+"-crashed")
	l.close()
}

func benchmarkOpen(b *testing.B, dir string, n int) {
	from := dir
	if _, err := vfs.OS().Stat(dir + "-crashed"); err == nil {
		from += "-crashed"
	}
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		fresh := fmt.Sprintf("%s/%d", b.TempDir(), i)
		copyFolder(b, from, fresh)
		b.StartTimer()
		l := onDisk(b, fresh)
		openAll(l, n)
		l.start()
		b.StopTimer()
		l.close()
		b.StartTimer()
	}
}

// openAll opens the partitions as the broker does, some at a time.
func openAll(l *testLog, n int) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			l.partition("bench", int32(i))
			<-slots
		})
	}
	wg.Wait()
}

func copyFolder(b *testing.B, from, to string) {
	b.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		b.Fatal(err)
	}
}
