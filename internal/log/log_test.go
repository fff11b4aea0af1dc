package log

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// testLog is a log on a filesystem of the test's choice.
type testLog struct {
	*Log
	t  testing.TB
	fs vfs.FS
}

func testConfig(t testing.TB, fs vfs.FS) Config {
	return Config{FS: fs, Dir: "data", Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func openLog(t testing.TB, fs vfs.FS) *testLog {
	t.Helper()
	l, err := Open(testConfig(t, fs))
	if err != nil {
		t.Fatal(err)
	}
	return &testLog{l, t, fs}
}

func (l *testLog) partition(topic string, n int32, change ...func(*Settings)) *Partition {
	l.t.Helper()
	s := DefaultSettings()
	for _, f := range change {
		f(&s)
	}
	p, err := l.OpenPartition(testID(topic, n), s)
	if err != nil {
		l.t.Fatal(err)
	}
	return p
}

func testID(topic string, n int32) ID {
	id := ID{Topic: topic, Partition: n}
	copy(id.TopicID[:], topic)
	return id
}

func (l *testLog) start() {
	l.t.Helper()
	if err := l.Start(context.Background()); err != nil {
		l.t.Fatal(err)
	}
}

func (l *testLog) close() {
	l.t.Helper()
	if err := l.Close(); err != nil {
		l.t.Fatal(err)
	}
}

// makeBatch is a batch of n records with the values v, v+1, ... of size bytes each.
func makeBatch(t testing.TB, v, n, size int, producer *batch.Producer) []byte {
	t.Helper()
	var c batch.Codecs
	b := c.NewBuilder(batch.Head{Producer: producer})
	for i := range n {
		value := bytes.Repeat([]byte{byte(v + i)}, max(size, 8))
		binary.BigEndian.PutUint64(value, uint64(v+i))
		r := batch.Record{Offset: int64(i), Timestamp: time.Now().UnixMilli(), Key: fmt.Appendf(nil, "key-%d", v+i), Value: value}
		if err := b.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(raw)
}

// appendSync appends and waits until the records are durable.
func appendSync(p *Partition, raw []byte) (Appended, error) {
	ch := make(chan error, 1)
	a, err := p.Append(raw, AckDurable, func(err error) { ch <- err })
	if err != nil {
		return a, err
	}
	return a, <-ch
}

func mustAppend(t testing.TB, p *Partition, raw []byte) Appended {
	t.Helper()
	a, err := appendSync(p, raw)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// values reads all records from the start and returns their numbers.
func values(t testing.TB, p *Partition) []int {
	t.Helper()
	out, err := readValues(p)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func readValues(p *Partition) ([]int, error) {
	var out []int
	for offset := p.LogStart(); offset < p.HighWatermark(); {
		s, err := p.Read(offset, 1<<20, true)
		if err != nil {
			return nil, err
		}
		var buf bytes.Buffer
		err = s.WriteTo(&buf, vfs.AlignedBuffer(64<<10))
		s.Close()
		if err != nil {
			return nil, err
		}
		if buf.Len() == 0 {
			return nil, fmt.Errorf("empty read at offset %d below the high watermark %d", offset, p.HighWatermark())
		}
		for rest := buf.Bytes(); len(rest) > 0; {
			b, more, err := batch.Next(rest)
			if err != nil {
				break // cut short by the limit
			}
			if err := b.Check(); err != nil {
				return nil, err
			}
			var c batch.Codecs
			for r, err := range c.Records(b) {
				if err != nil {
					return nil, err
				}
				if r.Offset >= offset {
					out = append(out, int(binary.BigEndian.Uint64(r.Value)))
				}
			}
			offset, rest = b.NextOffset(), more
		}
	}
	return out, nil
}

func wantValues(t testing.TB, got []int, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("read %d records, want %d", len(got), n)
	}
	for i, v := range got {
		if v != i {
			t.Fatalf("record %d has value %d", i, v)
		}
	}
}

func TestAppendedRecordsAreReadBackAlsoAfterRestart(t *testing.T) {
	for _, size := range []int{10, 1000, 300_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			fs := vfs.NewMem()
			n := 0
			for range 3 {
				l := openLog(t, fs)
				p := l.partition("a", 0)
				l.start()
				wantValues(t, values(t, p), n)
				for range 20 {
					a := mustAppend(t, p, makeBatch(t, n, 3, size, nil))
					if a.BaseOffset != int64(n) {
						t.Fatalf("base offset %d, want %d", a.BaseOffset, n)
					}
					n += 3
				}
				wantValues(t, values(t, p), n)
				l.close()
			}
		})
	}
}

func TestPowerCutKeepsWhatWasAcknowledged(t *testing.T) {
	for _, size := range []int{10, 1000, 300_000} {
		for _, seed := range []uint64{0, 1, 2, 3, 4} {
			t.Run(fmt.Sprint(size, "/", seed), func(t *testing.T) {
				fs := vfs.NewMem()
				n := 0
				for range 4 {
					l := openLog(t, fs)
					p := l.partition("a", 0)
					l.start()
					got := values(t, p)
					if len(got) < n {
						t.Fatalf("%d records of %d are left", len(got), n)
					}
					n = len(got)
					wantValues(t, got, n)
					for range 10 {
						mustAppend(t, p, makeBatch(t, n, 3, size, nil))
						n += 3
					}
					next := fs.Crash(vfs.KeepRandom(seed))
					_ = l.Close()
					fs = next
				}
			})
		}
	}
}
