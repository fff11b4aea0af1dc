package process_test

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
)

// BenchmarkThroughput takes records of 100 bytes that are there through a processor, exactly
// once, on the machine's disk.
func BenchmarkThroughput(b *testing.B) {
	b.Run("identity", func(b *testing.B) { benchmark(b, identity("bench", 1)) })
	b.Run("count", func(b *testing.B) {
		p := counter("bench")
		p.New = func(process.Task) process.Handler {
			var count [8]byte
			return process.HandlerFunc(func(s process.Step, r *kgo.Record) error {
				counts := s.Store("counts")
				was, ok, err := counts.Get(r.Key)
				if err != nil {
					return err
				}
				now := uint64(1)
				if ok {
					now += binary.BigEndian.Uint64(was)
				}
				binary.BigEndian.PutUint64(count[:], now)
				if err := counts.Put(r.Key, count[:]); err != nil {
					return err
				}
				return s.Emit(process.Output{Topic: "out", Key: r.Key, Value: count[:]})
			})
		}
		benchmark(b, p)
	})
}

func benchmark(b *testing.B, p process.Processor) {
	h := &house{TB: b, patience: time.Minute, node: evidenttest.Start(b, evidenttest.WithConfig(func(c *node.Config) { c.FS, c.Data = vfs.OS(), b.TempDir() }))}
	h.client = h.node.Client(kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(200_000))
	if _, err := kadm.NewClient(h.client).CreateTopics(b.Context(), 8, 1, nil, "in", "out"); err != nil {
		b.Fatal(err)
	}
	value := make([]byte, 92)
	for i := range b.N {
		key := fmt.Appendf(nil, "%08d", i*7919%100_000)
		h.client.Produce(b.Context(), &kgo.Record{Topic: "in", Key: key, Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	if err := h.client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	h.client.Close()
	s := h.service(func(c *process.Config) { c.FS, c.Dir = vfs.OS(), b.TempDir() })
	var before syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	began := time.Now()
	stop := h.run(s, p)
	for h.behind(s, p.Name, int64(b.N)) {
		time.Sleep(5 * time.Millisecond)
	}
	took := time.Since(began)
	var after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	stop()
	cpu := time.Duration(after.Utime.Nano() - before.Utime.Nano() + after.Stime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(b.N)/took.Seconds(), "records/s")
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N), "cpu-ns/record")
}

// behind tells whether n records have not been handled yet.
func (h *house) behind(s *process.Service, name string, n int64) bool {
	r, ok := s.Find(name, 1)
	if !ok {
		return true
	}
	var done int64
	for _, t := range r.Tasks() {
		for _, in := range t.Inputs {
			done += max(0, in.Next)
		}
	}
	return done < n
}
