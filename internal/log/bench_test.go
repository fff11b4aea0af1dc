package log

import (
	"fmt"
	"sync"
	"testing"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// BenchmarkAppend appends batches of about 1 MB to ten partitions on the real
// disk, as fast as they become durable.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{100, 1024} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) { benchmarkAppend(b, size) })
	}
}

func benchmarkAppend(b *testing.B, size int) {
	cfg := testConfig(b, vfs.OS())
	cfg.Dir = b.TempDir()
	raw, err := Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer raw.Close()
	tl := &testLog{raw, b, cfg.FS}
	parts := make([]*Partition, 10)
	for i := range parts {
		parts[i] = tl.partition("bench", int32(i))
	}
	tl.start()
	n := 1_000_000 / (size + 10)
	batches := make([][]byte, len(parts))
	for i := range batches {
		batches[i] = makeBatch(b, 0, n, size, nil)
	}
	b.SetBytes(int64(len(batches[0])))
	b.ResetTimer()
	var wg sync.WaitGroup
	inflight := make(chan struct{}, 50)
	for i := range b.N {
		inflight <- struct{}{}
		batch.Batch(batches[i%10]).SetBaseOffset(0)
		wg.Add(1)
		_, err := parts[i%10].Append(batches[i%10], AckDurable, func(err error) {
			if err != nil {
				b.Error(err)
			}
			<-inflight
			wg.Done()
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
}
