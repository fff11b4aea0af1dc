package vfs

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"
)

func TestLostBytesReadBackButNeverReachTheDisk(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", blocks(2, "a")+"a")
	d.write(f, 0, blocks(1, "b"))
	d.write(f, 2*BlockSize+1, "b")
	d.must(d.LoseUnsynced("/f"))
	d.wantContents("/f", blocks(1, "b")+blocks(1, "a")+"ab")
	d.must(f.Sync())
	d.write(f, BlockSize, blocks(1, "c"))
	d.must(f.Sync())
	d.crash(KeepAll).wantContents("/f", blocks(1, "a")+blocks(1, "c")+"a\x00")
}

func TestLostBytesReachTheDiskWhenWrittenAgain(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", blocks(2, "a"))
	d.write(f, 0, blocks(3, "b"))
	d.must(d.LoseUnsynced("/f"))
	d.write(f, 0, "c")
	d.crash(KeepNone).wantContents("/f", blocks(2, "a")+blocks(1, "\x00"))

	d = newDisk(t)
	f = d.durable("/f", blocks(2, "a"))
	d.write(f, 0, blocks(3, "b"))
	d.must(d.LoseUnsynced("/f"))
	d.write(f, 0, "c")
	d.must(f.Sync())
	d.crash(KeepNone).wantContents("/f", "c"+blocks(1, "b")[1:]+blocks(1, "a")+blocks(1, "\x00"))
}

func TestEvictionSparesWhatWasWrittenAgain(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", "aa")
	d.write(f, 0, "bb")
	d.must(d.LoseUnsynced("/f"))
	d.write(f, 0, "c")
	d.must(f.Sync())
	d.must(d.Evict("/f"))
	d.wantContents("/f", "cb")
}

func TestEvictedBytesReadAsOnTheDisk(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", blocks(1, "a"))
	d.write(f, 0, blocks(2, "b"))
	d.must(d.LoseUnsynced("/f"))
	d.must(d.Evict("/f"))
	d.wantContents("/f", blocks(1, "a")+blocks(1, "\x00"))
	d.SetLimit(2 * BlockSize)
	d.wantFree(BlockSize)
	d.write(f, 0, "c")
	d.crash(KeepNone).wantContents("/f", blocks(1, "a")+blocks(1, "\x00"))
}

func TestFlippedBitIsOnTheDisk(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", "aaa")
	d.must(d.FlipBit("/f", 1))
	d.wantContents("/f", "a`a")
	d.write(f, 0, "A")
	d.must(d.FlipBit("/f", 2))
	d.wantContents("/f", "A``")
	if err := d.FlipBit("/f", 3); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("FlipBit beyond the end: %v", err)
	}
	if err := d.FlipBit("/g", 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("FlipBit without a file: %v", err)
	}
	d.crash(KeepNone).wantContents("/f", "a``")
}
