package ledger

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

var codecs batch.Codecs

const testOrigin = "example.com/events"

// A running ledger, with the end of its Run.
type running struct {
	*Ledger
	t    testing.TB
	stop context.CancelFunc
	done chan error
}

func start(t testing.TB, fsys vfs.FS) *running {
	t.Helper()
	l, err := Open(Config{FS: fsys, Dir: "/data/ledger", Origin: testOrigin})
	if err != nil {
		t.Fatal(err)
	}
	return run(t, l)
}

func run(t testing.TB, l *Ledger) *running {
	ctx, stop := context.WithCancel(context.Background())
	r := &running{l, t, stop, make(chan error, 1)}
	go func() { r.done <- l.Run(ctx) }()
	return r
}

func (r *running) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		r.t.Fatal(err)
	}
}

func orders(partition int32) proof.Tree {
	return proof.Tree{Topic: "orders", TopicID: "AAAAAAAAAAAAAAAAAAAAAQ", Partition: partition}
}

func (r *running) partition(n int32) *Partition {
	r.t.Helper()
	p, err := r.Open(orders(n))
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func newDisk(t testing.TB) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	if err := errors.Join(mem.MkdirAll("/data"), mem.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return mem
}

// record is what stands at an offset of all partitions here.
func record(offset int64) proof.Record {
	return proof.Record{
		Kind: proof.Data, Timestamp: 1000 + offset, ProducerID: -1, ProducerEpoch: -1,
		Key: []byte("alice"), Value: fmt.Appendf(nil, `{"id":%d}`, offset),
	}
}

// add adds a batch of records.
func add(t testing.TB, p *Partition, count int) {
	t.Helper()
	if err := offer(t, p, count); err != nil {
		t.Fatal(err)
	}
}

// offer is add to a partition that may be over.
func offer(t testing.TB, p *Partition, count int) error {
	t.Helper()
	first := p.Next()
	b := codecs.NewBuilder(batch.Head{BaseOffset: first})
	for i := range int64(count) {
		r := record(first + i)
		if err := b.Append(batch.Record{Timestamp: r.Timestamp, Key: r.Key, Value: r.Value}); err != nil {
			t.Fatal(err)
		}
	}
	built, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return p.Add(built)
}

// proven proves an offset and verifies the file, as somebody else would.
func (r *running) proven(p *Partition, offset int64) proof.ProvenHead {
	r.t.Helper()
	f, err := r.Prove(p.origin, Opened{offset, record(offset)})
	if err != nil {
		r.t.Fatalf("offset %d of %s: %v", offset, p.origin, err)
	}
	parsed, err := proof.ParseFile(f.String())
	if err != nil {
		r.t.Fatal(err)
	}
	report, err := parsed.Verify(proof.Trust{Keys: r.Verifiers()})
	if err != nil {
		r.t.Fatalf("offset %d of %s: %v", offset, p.origin, err)
	}
	return report.Heads[0]
}

func TestWhatIsAddedIsProvenWithinARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := start(t, newDisk(t))
		one, two := l.partition(1), l.partition(2)
		add(t, one, 10)
		add(t, two, 3000) // past what the journal takes
		time.Sleep(2 * DefaultInterval)
		for _, offset := range []int64{0, 7, 9} {
			h := l.proven(one, offset)
			if got := h.Records[0]; h.Head.Size != 10 || got.Offset != offset || !reflect.DeepEqual(got.Record, record(offset)) {
				t.Errorf("offset %d: %+v", offset, h)
			}
		}
		if h := l.proven(two, 2999); h.Head.Size != 3000 || h.Root.Size != 2 || h.LoggedAt.IsZero() {
			t.Errorf("%+v", h)
		}
		if _, err := l.Prove(one.origin, Opened{10, record(10)}); !errors.Is(err, ErrNotYet) {
			t.Errorf("an offset that is not there: %v", err)
		}
		if _, err := l.Prove(one.origin, Opened{5, record(6)}); !errors.Is(err, ErrAltered) {
			t.Errorf("another record: %v", err)
		}
		if _, err := l.Prove("example.com/events/other/x/0/0", Opened{}); !errors.Is(err, ErrNoTree) {
			t.Errorf("another topic: %v", err)
		}
		l.end()
	})
}

func TestTheLedgerGoesOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		l := start(t, disk)
		add(t, l.partition(1), 300)
		l.end() // makes the last round
		keys := fmt.Sprint(l.Verifiers())
		l = start(t, disk)
		if got := fmt.Sprint(l.Verifiers()); got != keys {
			t.Errorf("keys are %s, were %s", got, keys)
		}
		p := l.partition(1)
		if p.Next() != 300 {
			t.Fatalf("the tree has %d leaves, want 300", p.Next())
		}
		add(t, p, 300)
		time.Sleep(2 * DefaultInterval)
		for _, offset := range []int64{0, 299, 300, 599} {
			if h := l.proven(p, offset); h.Head.Size != 600 {
				t.Errorf("%+v", h)
			}
		}
		l.end()
		if err := p.Add(nil); !errors.Is(err, ErrClosed) {
			t.Errorf("after its end: %v", err)
		}
	})
}

func TestAGenerationEndsWithItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		l := start(t, disk)
		old := l.partition(1)
		add(t, old, 5)
		old.Close("truncated to 3")
		now := l.partition(1)
		if now == old || now.Next() != 0 || !strings.HasSuffix(now.origin, "/1/1") {
			t.Fatalf("after the end of %s comes %s at %d", old.origin, now.origin, now.Next())
		}
		add(t, now, 4)
		time.Sleep(2 * DefaultInterval)
		if h := l.proven(old, 4); h.Tree.Generation != 0 || h.Head.Size != 5 {
			t.Errorf("%+v", h)
		}
		if h := l.proven(now, 3); h.Tree.Generation != 1 || h.Head.Size != 4 {
			t.Errorf("%+v", h)
		}
		e, err := proof.ParseRootEntry(mustRead(t, l, 0))
		if err != nil || e.Kind != proof.ClosedEntry || e.Details[0] != "reason truncated to 3" {
			t.Errorf("%+v, %v", e, err)
		}
		old.Close("again")
		time.Sleep(2 * DefaultInterval)
		if size, _ := l.store.RootHead(); size != 2 {
			t.Errorf("a tree that has ended ended again: the root log has %d entries", size)
		}
		l.end()
		l = start(t, disk)
		if p := l.partition(1); p.origin != now.origin || p.Next() != 4 {
			t.Errorf("after a restart: %s at %d", p.origin, p.Next())
		}
		l.end()
	})
}

func mustRead(t *testing.T, l *running, index int64) []byte {
	t.Helper()
	b, err := l.store.ReadRootEntry(index)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// More than fits into memory goes to disk before its round, and is not signed
// before it.
func TestALotIsWrittenAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := start(t, newDisk(t))
		p := l.partition(1)
		const batches, size = 40, 10_000 // 26 MB of leaves
		for range batches {
			add(t, p, size)
		}
		time.Sleep(2 * DefaultInterval)
		if h := l.proven(p, 123_456); h.Head.Size != batches*size {
			t.Errorf("%+v", h)
		}
		l.end()
	})
}

func TestTimeInTheRootLogNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		for _, at := range []int64{2000, 1000, 3000} {
			l, err := Open(Config{FS: disk, Dir: "/data/ledger", Origin: testOrigin, Now: func() time.Time { return time.UnixMilli(at) }})
			if err != nil {
				t.Fatal(err)
			}
			p, err := l.Open(orders(1))
			if err != nil {
				t.Fatal(err)
			}
			add(t, p, 1)
			ctx, stop := context.WithCancel(t.Context())
			stop()
			if err := l.Run(ctx); err != nil {
				t.Fatal(err)
			}
		}
		l := start(t, disk)
		for i, want := range []int64{2000, 2000, 3000} {
			if e, err := proof.ParseRootEntry(mustRead(t, l, int64(i))); err != nil || e.Time != want {
				t.Errorf("entry %d: time %d, %v, want %d", i, e.Time, err, want)
			}
		}
		l.end()
	})
}

// Whatever operation the power fails at, nothing that was signed is taken back.
func TestACrashTakesNothingBackThatWasSigned(t *testing.T) {
	whole := vfs.NewFaulty(newDisk(t), func(vfs.Op) error { return nil })
	if _, err := workload(t, whole); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= whole.Mutations(); n += max(1, whole.Mutations()/60) {
		for _, keep := range []vfs.Keep{vfs.KeepNone, vfs.KeepAll, vfs.KeepRandom(uint64(n))} {
			mem := newDisk(t)
			before, err := workload(t, vfs.NewFaulty(mem, vfs.CrashAt(n)))
			if err != nil && !errors.Is(err, vfs.ErrCrashed) {
				t.Fatal(err)
			}
			after, err := Open(Config{FS: mem.Crash(keep), Dir: "/data/ledger", Origin: testOrigin})
			if err != nil {
				t.Fatalf("crash at %d: %v", n, err)
			}
			checkExtends(t, n, before, after)
			if err := after.store.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// workload runs a ledger until its end or a crash, and returns the newest
// checkpoint that was shown.
func workload(t *testing.T, fsys vfs.FS) (signed string, err error) {
	synctest.Test(t, func(t *testing.T) {
		var l *Ledger
		if l, err = Open(Config{FS: fsys, Dir: "/data/ledger", Origin: testOrigin}); err != nil {
			return
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		for i := range 6 {
			for n := range int32(2) {
				p, err := l.Open(orders(n))
				if err == nil && p.Next() < 1<<30 {
					add(t, p, 2+i*700*int(n))
				}
			}
			time.Sleep(DefaultInterval)
			synctest.Wait()
			signed = string(l.Checkpoint())
			if len(done) > 0 {
				break
			}
		}
		stop()
		err = <-done
	})
	return signed, err
}

func checkExtends(t *testing.T, n int, signed string, l *Ledger) {
	t.Helper()
	body, _, _ := strings.Cut(signed, "\n\n")
	if body == "" {
		return
	}
	c, err := proof.ParseCheckpoint(body + "\n")
	if err != nil {
		t.Fatal(err)
	}
	now := l.rootHead()
	root, err := tree.RootAt(now, c.Size, l.store.RootTiles())
	if err != nil || root != c.Root {
		t.Errorf("crash at %d: signed was %+v, and of %+v the root there is %v, %v", n, c, now, root, err)
	}
}

func TestConfigurationsThatCannotBe(t *testing.T) {
	for origin, want := range map[string]string{
		"a b": "a space", "a+b": "plus", "https://example.com": "no scheme", "example.com/": "slash",
		strings.Repeat("x", 201): "201 bytes", "a\xff": "not UTF-8",
	} {
		if _, err := Open(Config{FS: newDisk(t), Dir: "/data/ledger", Origin: origin}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("origin %q: %v, want %q", origin, err, want)
		}
	}
	disk := newDisk(t)
	l := start(t, disk)
	add(t, l.partition(1), 1)
	l.end()
	if _, err := Open(Config{FS: disk, Dir: "/data/ledger", Origin: "example.org/other"}); err == nil || !strings.Contains(err.Error(), "another deployment") {
		t.Errorf("another origin: %v", err)
	}
	if err := disk.Remove("/data/ledger/keys"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{FS: disk, Dir: "/data/ledger", Origin: testOrigin}); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("keys that are gone: %v", err)
	}
}

func TestASecondLedgerIsRefused(t *testing.T) {
	disk := newDisk(t)
	l := start(t, disk)
	if _, err := Open(Config{FS: disk, Dir: "/data/ledger", Origin: testOrigin}); !errors.Is(err, store.ErrUsed) {
		t.Error(err)
	}
	l.end()
}

// With the same keys, another history than the one that was signed would be a fork.
func TestFilesOlderThanWhatWasSignedAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		l := start(t, disk)
		add(t, l.partition(1), 10)
		time.Sleep(2 * DefaultInterval)
		l.end()
		head := l.rootHead()
		for what, kept := range map[string]proof.Checkpoint{
			"more entries":  {Origin: testOrigin, Size: head.Size + 1, Root: proof.Hash{1}},
			"other entries": {Origin: testOrigin, Size: head.Size, Root: proof.Hash{1}},
		} {
			signed, err := l.keys.signRoot(kept)
			if err == nil {
				err = l.store.KeepCheckpoint(signed)
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(Config{FS: disk, Dir: "/data/ledger", Origin: testOrigin}); !errors.Is(err, ErrSetBack) {
				t.Errorf("%s were signed: %v", what, err)
			}
		}
	})
}
