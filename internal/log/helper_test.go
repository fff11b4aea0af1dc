package log

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// testLog is a log on a filesystem of the test's choice.
type testLog struct {
	*Log
	t    testing.TB
	fs   vfs.FS
	logs *lines
}

// lines keeps what was logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// want checks that one line was logged that holds all the words.
func (l *lines) want(t testing.TB, words ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if containsAll(line, words) {
			return
		}
	}
	t.Errorf("no line was logged with %q; there were:\n%s", words, l.text.String())
}

// count tells how many lines hold all the words.
func (l *lines) count(words ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if containsAll(line, words) {
			n++
		}
	}
	return n
}

func containsAll(s string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}

func testConfig(t testing.TB, fs vfs.FS) Config {
	return Config{FS: fs, Dir: "data", Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// tryOpen opens a log with small journal files, so that they are soon full, and
// closes it at the end of the test.
func tryOpen(t testing.TB, fs vfs.FS, change ...func(*Config)) (*testLog, error) {
	logs := &lines{}
	cfg := testConfig(t, fs)
	cfg.Logger = slog.New(slog.NewTextHandler(io.MultiWriter(t.Output(), logs), nil))
	cfg.journalBytes, cfg.journalLimit, cfg.directBytes, cfg.youngBytes = 32<<10, 1<<20, largeBytes, 300
	for _, f := range change {
		f(&cfg)
	}
	l, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = l.Close() })
	return &testLog{l, t, fs, logs}, nil
}

func openLog(t testing.TB, fs vfs.FS, change ...func(*Config)) *testLog {
	t.Helper()
	l, err := tryOpen(t, fs, change...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// truncateDamaged is a change to the configuration.
func truncateDamaged(c *Config) { c.TruncateDamaged = true }

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
	if err := l.Start(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

func (l *testLog) close() {
	l.t.Helper()
	if err := l.Close(); err != nil {
		l.t.Fatal(err)
	}
}

// started opens a log with one partition and starts it.
func started(t testing.TB, fs vfs.FS, change ...func(*Settings)) (*testLog, *Partition) {
	t.Helper()
	l := openLog(t, fs)
	p := l.partition("a", 0, change...)
	l.start()
	return l, p
}

// faults is a disk that fails as it is told.
type faults struct {
	*vfs.Faulty
	mem  *vfs.Mem
	hook atomic.Pointer[func(vfs.Op) error]
}

func newFaults() *faults { return faultsOn(vfs.NewMem()) }

func faultsOn(mem *vfs.Mem) *faults {
	f := &faults{mem: mem}
	f.Faulty = vfs.NewFaulty(f.mem, func(op vfs.Op) error {
		if hook := f.hook.Load(); hook != nil {
			return (*hook)(op)
		}
		return nil
	})
	return f
}

// fail makes operations of the kind fail with err on files whose name contains
// the text.
func (f *faults) fail(kind vfs.OpKind, text string, err error) {
	f.set(func(op vfs.Op) error {
		if op.Kind == kind && strings.Contains(op.Name, text) {
			return err
		}
		return nil
	})
}

func (f *faults) set(hook func(vfs.Op) error) { f.hook.Store(&hook) }

// heal ends all faults.
func (f *faults) heal() { f.hook.Store(nil) }

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

// stampedBatch is a batch with a record for each of the times, in ms, that have
// the values v, v+1, ...
func stampedBatch(t testing.TB, v, size int, times ...int64) []byte {
	t.Helper()
	var c batch.Codecs
	b := c.NewBuilder(batch.Head{})
	for i, at := range times {
		value := make([]byte, max(size, 8))
		binary.BigEndian.PutUint64(value, uint64(v+i))
		if err := b.Append(batch.Record{Timestamp: at, Key: fmt.Appendf(nil, "key-%d", v+i), Value: value}); err != nil {
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

// fill appends the values [from, to) one by one.
func fill(t testing.TB, p *Partition, from, to, size int) {
	t.Helper()
	for v := from; v < to; v++ {
		mustAppend(t, p, makeBatch(t, v, 1, size, nil))
	}
}

// values reads all records from the start and returns their numbers.
func values(t testing.TB, p *Partition) []int {
	t.Helper()
	all, err := readAll(p)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]int, len(all))
	for i, r := range all {
		out[i] = r.value
	}
	return out
}

// wantValues checks that the partition holds the values 0 to n-1.
func wantValues(t testing.TB, got []int, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("read %d records, want %d: %v", len(got), n, got)
	}
	for i, v := range got {
		if v != i {
			t.Fatalf("record %d has value %d", i, v)
		}
	}
}

// holdSyncs holds back all syncs of files until release is called.
func (f *faults) holdSyncs() (release func()) {
	held := make(chan struct{})
	f.set(func(op vfs.Op) error {
		if op.Kind == vfs.OpSync {
			<-held
		}
		return nil
	})
	return func() { close(held) }
}
