package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// outcomes are all that the contents of a file may be after a power cut.
func (d disk) outcomes(name string) map[string]bool {
	found := make(map[string]bool)
	for seed := range uint64(300) {
		found[brief(d.crash(KeepRandom(seed)).contents(name))] = true
	}
	return found
}

func (d disk) wantOutcomes(name string, want ...string) {
	d.Helper()
	found := d.outcomes(name)
	for _, w := range want {
		if !found[brief(w)] {
			d.Errorf("no power cut leaves %s with %q", name, brief(w))
		}
		delete(found, brief(w))
	}
	for f := range found {
		d.Errorf("a power cut leaves %s with %q", name, f)
	}
}

func TestPowerCutKeepsWhatWasSynced(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", "hello")
	d.write(f, 5, " world")
	d.crash(KeepAll).wantContents("/f", "hello world")
	d.crash(KeepNone).wantContents("/f", "hello")
	d.wantOutcomes("/f", "hello", "hello world", "hello\x00\x00\x00\x00\x00\x00")
}

func TestPowerCutLeavesEachRewrittenBlockOldOrNew(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", blocks(2, "a"))
	d.write(f, 0, blocks(1, "b"))
	d.write(f, BlockSize+1, "c")
	d.write(f, 0, blocks(1, "d"))
	last := "ac" + blocks(1, "a")[2:]
	d.wantOutcomes("/f", blocks(2, "a"), blocks(1, "d")+blocks(1, "a"),
		blocks(1, "a")+last, blocks(1, "d")+last)
	d.crash(KeepNone).wantContents("/f", blocks(2, "a"))
}

func TestPowerCutEndsAGrowingFileAtABlock(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", "a")
	d.write(f, 1, blocks(3, "b"))
	full := "a" + blocks(3, "b")
	sizes := make(map[int]bool)
	for seed := range uint64(300) {
		got := d.crash(KeepRandom(seed)).contents("/f")
		sizes[len(got)] = true
		for i := range got {
			if got[i] != full[i] && got[i] != 0 {
				t.Fatalf("byte %d is %q, neither what was written nor zero", i, got[i])
			}
		}
		if got[0] != 'a' {
			t.Fatal("the synced byte is gone")
		}
	}
	for _, want := range []int{1, BlockSize, 2 * BlockSize, 3 * BlockSize, 3*BlockSize + 1} {
		if !sizes[want] {
			t.Errorf("no power cut leaves %d bytes", want)
		}
		delete(sizes, want)
	}
	if len(sizes) > 0 {
		t.Errorf("a power cut also leaves sizes %v", sizes)
	}
}

func TestPowerCutKeepsOrLosesATruncationAsAWhole(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", blocks(3, "a"))
	d.must(f.Truncate(10))
	d.crash(KeepNone).wantContents("/f", blocks(3, "a"))
	d.wantOutcomes("/f", blocks(3, "a"), strings.Repeat("a", 10))
}

func TestPowerCutNeverBringsBackWhatATruncationCutOff(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", blocks(2, "a"))
	d.must(f.Truncate(0))
	d.write(f, BlockSize, blocks(1, "b"))
	zero := blocks(1, "\x00")
	d.wantOutcomes("/f", blocks(2, "a"), "", zero, zero+blocks(1, "b"), zero+zero)
}

func TestTruncationWithinAnUnsyncedAppendLeavesTheSyncedBytes(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", "aaaa")
	d.write(f, 4, "bbbb")
	d.must(f.Truncate(6))
	d.crash(KeepNone).wantContents("/f", "aaaa")
	d.crash(KeepAll).wantContents("/f", "aaaabb")
}

func TestSyncAfterTruncateAndRewriteIsKept(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", blocks(3, "a"))
	d.must(f.Truncate(BlockSize + 5))
	d.write(f, BlockSize+10, "b")
	d.must(f.Sync())
	d.wantOutcomes("/f", blocks(1, "a")+"aaaaa\x00\x00\x00\x00\x00b")
}

func TestDeadFilesystemRefusesEverything(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", "hello")
	held, err := d.Lock("/lock")
	d.must(err)
	after := d.crash(KeepAll)

	_, readErr := f.ReadAt(make([]byte, 1), 0)
	_, writeErr := f.WriteAt([]byte("J"), 0)
	_, sizeErr := f.Size()
	_, openErr := d.Open("/f", 0)
	_, statErr := d.Stat("/f")
	_, listErr := d.ReadDir("/")
	_, lockErr := d.Lock("/other")
	_, spaceErr := d.Space("/")
	errs := []error{readErr, writeErr, sizeErr, openErr, statErr, listErr, lockErr, spaceErr,
		f.Sync(), f.Truncate(0), d.MkdirAll("/d"), d.Remove("/f"), d.RemoveAll("/f"),
		d.Rename("/f", "/g"), d.SyncDir("/"), d.FlipBit("/f", 0)}
	for i, err := range errs {
		if !errors.Is(err, ErrCrashed) {
			t.Errorf("operation %d answers %v", i, err)
		}
	}
	d.must(f.Close())
	d.must(held.Close())

	after.wantContents("/f", "hello")
	relocked, err := after.Lock("/lock")
	after.must(err)
	after.must(relocked.Close())
}

func TestDisksOfOneCrashAreIndependent(t *testing.T) {
	d := newDisk(t)
	d.durable("/f", blocks(1, "a")+"a")
	one, two := d.crash(KeepAll), d.crash(KeepAll)
	f := one.open("/f", Write)
	one.write(f, 1, "b")
	one.write(f, BlockSize+1, "c")
	two.wantContents("/f", blocks(1, "a")+"a")
	one.crash(KeepNone).wantContents("/f", blocks(1, "a")+"a")
	one.crash(KeepAll).wantContents("/f", "ab"+blocks(1, "a")[2:]+"ac")
	two.wantContents("/f", blocks(1, "a")+"a")
	two.must(two.open("/f", Write).Truncate(BlockSize + 2))
	two.wantContents("/f", blocks(1, "a")+"a\x00")
}

func TestDisksOfOneCrashAreIndependentAfterAnEviction(t *testing.T) {
	d := newDisk(t)
	d.durable("/f", "a")
	one, two := d.crash(KeepAll), d.crash(KeepAll)
	f := one.open("/f", Write)
	one.write(f, 0, "b")
	one.must(one.LoseUnsynced("/f"))
	one.must(one.Evict("/f"))
	one.write(f, 1, "c")
	one.wantContents("/f", "ac")
	two.must(two.open("/f", Write).Truncate(2))
	two.wantContents("/f", "a\x00")
}

func TestCrashAsksForEachPendingThingOnceInOrder(t *testing.T) {
	d := newDisk(t)
	d.must(d.MkdirAll("/a"))
	d.must(d.MkdirAll("/b"))
	d.must(d.SyncDir("/"))
	d.durable("/a/cut", blocks(2, "a"))
	grown := d.durable("/b/grown", "a")
	d.must(d.Rename("/a/cut", "/b/cut"))
	d.must(d.open("/b/cut", Write).Truncate(1))
	d.open("/a/new", Create)
	d.must(d.MkdirAll("/c"))
	d.must(d.Remove("/a/new"))
	d.write(grown, BlockSize, "b")

	var asked []Pending
	d.crash(func(p Pending) bool {
		asked = append(asked, p)
		return p.Kind != OpTruncate || p.Offset == 1
	})
	want := []Pending{
		{OpRename, "/a/cut to /b/cut", 0}, {OpCreate, "/a/new", 0},
		{OpMkdir, "/c", 0}, {OpRemove, "/a/new", 0},
		{OpTruncate, "/b/cut", 1}, {OpWrite, "/b/cut", 0},
		{OpTruncate, "/b/grown", BlockSize + 1}, {OpTruncate, "/b/grown", BlockSize},
	}
	if !slices.Equal(asked, want) {
		t.Errorf("Crash asks for %v, want %v", asked, want)
	}
}

func TestCrashIsTheSameForTheSameSeed(t *testing.T) {
	d := newDisk(t)
	for i := range 20 {
		f := d.open(fmt.Sprintf("/f%d", i), Create)
		d.write(f, 0, blocks(5, "a"))
	}
	for seed := range uint64(10) {
		one, two := d.crash(KeepRandom(seed)), d.crash(KeepRandom(seed))
		two.wantTree(one.tree()...)
		for _, name := range one.tree() {
			two.wantContents(name, one.contents(name))
		}
	}
}

func TestCrashBesideWritersIsCleanAndFinal(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", "")
	started, done := make(chan bool), make(chan error)
	go func() {
		p := bytes.Repeat([]byte("x"), BlockSize)
		for off := int64(0); ; off += BlockSize {
			_, err := f.WriteAt(p, off)
			if err == nil {
				err = f.Sync()
			}
			if err != nil {
				done <- err
				return
			}
			if off == 0 {
				close(started)
			}
		}
	}()
	<-started
	after := d.crash(KeepNone)
	before := after.contents("/f")
	if err := <-done; !errors.Is(err, ErrCrashed) {
		t.Errorf("the writer ends with %v", err)
	}
	after.wantContents("/f", before)
	if len(before) == 0 {
		t.Error("the first synced block is gone")
	}
}

func TestSyncedFileHoldsNoOldBlocks(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", blocks(8, "a"))
	d.write(f, 0, blocks(8, "b"))
	d.must(f.Truncate(4 * BlockSize))
	d.must(f.Sync())
	node := f.(*memFile).memInode
	if len(node.slots) != 4 || len(node.dirty) != 0 {
		t.Fatalf("%d slots, %d dirty", len(node.slots), len(node.dirty))
	}
	for i, s := range node.slots {
		if s.saved || s.old != nil {
			t.Errorf("block %d still has its old bytes", i)
		}
	}
}
