package vfs

import (
	"errors"
	"syscall"
	"testing"
)

func TestFullDiskWritesInPart(t *testing.T) {
	d := newDisk(t)
	f := d.durable("/f", blocks(2, "a"))
	d.SetLimit(4 * BlockSize)
	n, err := f.WriteAt([]byte(blocks(4, "b")), BlockSize)
	if n != 3*BlockSize || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WriteAt is %d, %v, want 3 blocks and ENOSPC", n, err)
	}
	d.wantContents("/f", blocks(1, "a")+blocks(3, "b"))
	d.wantFree(0)
	d.write(f, 0, blocks(4, "c")) // takes no more space

	g := d.open("/g", Create)
	if _, err := g.WriteAt([]byte("x"), 0); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WriteAt on a full disk fails with %v", err)
	}
	d.must(f.Truncate(BlockSize))
	d.wantFree(3 * BlockSize)
	d.write(g, 0, "x")
	d.must(d.Remove("/f"))
	d.wantFree(2 * BlockSize) // while it is open
	d.must(f.Close())
	d.wantFree(3 * BlockSize)

	d.must(d.open("/h", Create).Close())
	d.must(g.Close())
	d.must(d.Rename("/h", "/g"))
	d.wantFree(4 * BlockSize)
	d.crash(KeepNone).wantFree(2 * BlockSize)
}

func (d disk) wantFree(want uint64) {
	d.Helper()
	s, err := d.Space("/")
	d.must(err)
	if s.Free != want || s.Total < want {
		d.Errorf("%d bytes of %d are free, want %d", s.Free, s.Total, want)
	}
}

func TestMisalignedDirectTransfersAreRefused(t *testing.T) {
	d := newDisk(t)
	f := d.open("/f", Create|Direct)
	buf := AlignedBuffer(2 * BlockSize)
	for _, c := range []struct {
		name string
		p    []byte
		off  int64
	}{
		{"offset", buf, 512},
		{"length", buf[:100], 0},
		{"address", buf[8 : 8+BlockSize], 0},
	} {
		if _, err := f.WriteAt(c.p, c.off); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("write with misaligned %s: %v", c.name, err)
		}
		if _, err := f.ReadAt(c.p, c.off); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("read with misaligned %s: %v", c.name, err)
		}
	}
}
