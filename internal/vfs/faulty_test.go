package vfs

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
)

var errInjected = errors.New("injected")

// failOn is a hook that fails the operations of one kind.
func failOn(kind OpKind, err error) func(Op) error {
	return func(op Op) error {
		if op.Kind == kind {
			return err
		}
		return nil
	}
}

// steps do each kind of operation once, on a disk that has /d/f, /d/gone and
// /d/old.
var steps = []struct {
	kind OpKind
	do   func(f FS, file File) error
	done func(d disk) bool
}{
	{OpOpen, func(f FS, _ File) error { return opened(f.Open("/d/f", 0)) }, nil},
	{OpCreate, func(f FS, _ File) error { return opened(f.Open("/d/new", Create)) }, exists("/d/new")},
	{OpRead, func(_ FS, file File) error { return second(file.ReadAt(make([]byte, 1), 0)) }, nil},
	{OpWrite, func(_ FS, file File) error { return second(file.WriteAt([]byte("J"), 0)) }, holds("Jello")},
	{OpSync, func(_ FS, file File) error { return file.Sync() }, nil},
	{OpTruncate, func(_ FS, file File) error { return file.Truncate(2) }, holds("he")},
	{OpSize, func(_ FS, file File) error { return second(file.Size()) }, nil},
	{OpMkdir, func(f FS, _ File) error { return f.MkdirAll("/d/e") }, exists("/d/e")},
	{OpRemove, func(f FS, _ File) error { return f.Remove("/d/gone") }, missing("/d/gone")},
	{OpRemove, func(f FS, _ File) error { return f.RemoveAll("/d/gone") }, missing("/d/gone")},
	{OpRename, func(f FS, _ File) error { return f.Rename("/d/old", "/d/renamed") }, exists("/d/renamed")},
	{OpStat, func(f FS, _ File) error { return second(f.Stat("/d/f")) }, nil},
	{OpReadDir, func(f FS, _ File) error { return second(f.ReadDir("/d")) }, nil},
	{OpSyncDir, func(f FS, _ File) error { return f.SyncDir("/d") }, nil},
	{OpLock, func(f FS, _ File) error { return opened(f.Lock("/d/lock")) }, exists("/d/lock")},
	{OpSpace, func(f FS, _ File) error { return second(f.Space("/d")) }, nil},
}

func second[T any](_ T, err error) error { return err }

func opened[T io.Closer](c T, err error) error {
	if err != nil {
		return err
	}
	return c.Close()
}

func exists(name string) func(disk) bool {
	return func(d disk) bool { return slices.Contains(d.tree(), name) }
}

func missing(name string) func(disk) bool {
	return func(d disk) bool { return !slices.Contains(d.tree(), name) }
}

func holds(contents string) func(disk) bool {
	return func(d disk) bool { return d.contents("/d/f") == contents }
}

// faultyDisk is the disk that steps want, and a Faulty on it with /d/f open.
func faultyDisk(t *testing.T, hook func(Op) error) (disk, *Faulty, File) {
	d := newDisk(t)
	d.must(d.MkdirAll("/d"))
	d.must(d.durable("/d/f", "hello").Close())
	d.must(d.durable("/d/gone", "").Close())
	d.must(d.durable("/d/old", "").Close())
	armed := false
	f := NewFaulty(d.Mem, func(op Op) error {
		if !armed {
			return nil
		}
		return hook(op)
	})
	file, err := f.Open("/d/f", Write)
	d.must(err)
	armed = true
	return d, f, file
}

func TestFaultStopsTheOperation(t *testing.T) {
	for _, s := range steps {
		d, f, file := faultyDisk(t, failOn(s.kind, errInjected))
		err := s.do(f, file)
		if e, ok := errors.AsType[*fs.PathError](err); !ok || !errors.Is(err, errInjected) || e.Op != s.kind.String() {
			t.Errorf("%v fails with %v", s.kind, err)
		}
		if s.done != nil && s.done(d) {
			t.Errorf("%v was done though it failed", s.kind)
		}
	}
}

func TestFaultAfterEffectReportsWhatWasDone(t *testing.T) {
	for _, s := range steps {
		d, f, file := faultyDisk(t, failOn(s.kind, AfterEffect(errInjected)))
		if err := s.do(f, file); !errors.Is(err, errInjected) {
			t.Errorf("%v fails with %v", s.kind, err)
		}
		if s.done != nil && !s.done(d) {
			t.Errorf("%v was not done", s.kind)
		}
	}
}

func TestFaultAfterEffectLeavesNoFileOpen(t *testing.T) {
	d, f, file := faultyDisk(t, failOn(OpOpen, AfterEffect(errInjected)))
	d.SetLimit(BlockSize)
	d.wantFree(0)
	if _, err := f.Open("/d/f", 0); !errors.Is(err, errInjected) {
		t.Fatalf("Open fails with %v", err)
	}
	d.must(errors.Join(file.Close(), d.Remove("/d/f")))
	d.wantFree(BlockSize)
}

func TestFaultAfterEffectHoldsNoLock(t *testing.T) {
	d, f, _ := faultyDisk(t, failOn(OpLock, AfterEffect(errInjected)))
	if _, err := f.Lock("/d/lock"); !errors.Is(err, errInjected) {
		t.Fatalf("Lock fails with %v", err)
	}
	held, err := d.Lock("/d/lock")
	d.must(err)
	d.must(held.Close())
}

func TestOperationThatCannotBeDoneReportsItsOwnError(t *testing.T) {
	_, f, _ := faultyDisk(t, failOn(OpRemove, AfterEffect(errInjected)))
	if err := f.Remove("/d/missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Remove fails with %v", err)
	}
}

func TestShortWriteWritesItsBytes(t *testing.T) {
	for _, c := range []struct {
		n, want  int
		err      error
		wantErr  error
		contents string
	}{
		{2, 2, syscall.ENOSPC, syscall.ENOSPC, "JEllo"},
		{0, 0, syscall.EIO, syscall.EIO, "hello"},
		{9, 5, nil, io.ErrShortWrite, "JELLO"},
	} {
		d, _, file := faultyDisk(t, failOn(OpWrite, ShortWrite(c.n, c.err)))
		n, err := file.WriteAt([]byte("JELLO"), 0)
		if n != c.want || !errors.Is(err, c.wantErr) {
			t.Errorf("WriteAt is %d, %v, want %d, %v", n, err, c.want, c.wantErr)
		}
		d.wantContents("/d/f", c.contents)
	}
}

func TestHookSeesTheOperation(t *testing.T) {
	var ops []Op
	_, f, file := faultyDisk(t, func(op Op) error {
		ops = append(ops, op)
		return errInjected
	})
	_ = second(file.ReadAt(make([]byte, 3), 7))
	_ = second(file.WriteAt(make([]byte, 5), 9))
	_ = f.Rename("/d/f", "/d/g")
	_ = file.Truncate(4)
	_ = second(f.Stat("/d"))
	want := []Op{
		{Kind: OpRead, Name: "/d/f", Offset: 7, Len: 3},
		{Kind: OpWrite, Name: "/d/f", Offset: 9, Len: 5, N: 1},
		{Kind: OpRename, Name: "/d/f", NewName: "/d/g", N: 2},
		{Kind: OpTruncate, Name: "/d/f", Offset: 4, N: 3},
		{Kind: OpStat, Name: "/d", N: 3},
	}
	if !slices.Equal(ops, want) {
		t.Errorf("the hook saw %+v, want %+v", ops, want)
	}
	if f.Mutations() != 3 {
		t.Errorf("%d mutations", f.Mutations())
	}
}

func TestFailedSyncMayLoseWhatReadsBack(t *testing.T) {
	d := newDisk(t)
	d.durable("/f", "hello")
	failed := false
	f := NewFaulty(d.Mem, func(op Op) error {
		if op.Kind != OpSync || failed {
			return nil
		}
		failed = true
		return errors.Join(syscall.EIO, d.LoseUnsynced(op.Name))
	})
	file, err := f.Open("/f", Write)
	d.must(err)
	d.write(file, 0, "JELLO")
	if err := file.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("the first Sync is %v", err)
	}
	d.must(file.Sync())
	d.wantContents("/f", "JELLO")
	d.crash(KeepAll).wantContents("/f", "hello")
}

// replace is a careful replacement of /f by new contents.
func replace(f FS, contents string) error {
	file, err := f.Open("/f.new", Create)
	if err != nil {
		return err
	}
	_, writeErr := file.WriteAt([]byte(contents), 0)
	if err := errors.Join(writeErr, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := f.Rename("/f.new", "/f"); err != nil {
		return err
	}
	return f.SyncDir("/")
}

// The crash-at-every-operation test that packages above are to have, on the
// simplest workload there is.
func TestCrashAtEveryOperationOfAReplacement(t *testing.T) {
	for name, hook := range map[string]func(int) func(Op) error{"undone": CrashAt, "done": CrashAfter} {
		hits := 0
		for n := 1; ; n++ {
			d := newDisk(t)
			d.durable("/f", "old")
			f := NewFaulty(d.Mem, hook(n))
			err := replace(f, "new")
			if f.Mutations() < n {
				d.must(err)
				break
			}
			hits++
			if !errors.Is(err, ErrCrashed) {
				t.Fatalf("%s, crash at operation %d: replace returns %v", name, n, err)
			}
			if _, err := f.Stat("/f"); !errors.Is(err, ErrCrashed) {
				t.Errorf("%s: Stat after the crash is %v", name, err)
			}
			if list, err := f.ReadDir("/"); !errors.Is(err, ErrCrashed) || len(list) > 0 {
				t.Errorf("%s: ReadDir after the crash is %v, %v", name, list, err)
			}
			for seed := range uint64(20) {
				got := d.crash(KeepRandom(seed)).contents("/f")
				if got != "old" && got != "new" {
					t.Errorf("%s, crash at operation %d leaves %q", name, n, got)
				}
			}
		}
		if hits != 5 {
			t.Errorf("%s: %d crash points, want 5", name, hits)
		}
	}
}

func TestOpKindsHaveNames(t *testing.T) {
	for k := OpOpen; k <= OpSpace; k++ {
		if s := k.String(); s == "" || strings.HasPrefix(s, "OpKind") {
			t.Errorf("operation %d is called %q", int(k), s)
		}
	}
	if s := OpKind(99).String(); s != "OpKind(99)" {
		t.Errorf("an unknown operation is called %q", s)
	}
}
