package checkpoints

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

func contents(t *testing.T, fsys vfs.FS, name string) []byte {
	t.Helper()
	f, err := fsys.Open(name, 0)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	b := make([]byte, size)
	if err == nil {
		_, err = f.ReadAt(b, 0)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

// Whichever byte of the last checkpoint rots, somebody is told, and what is left
// of it is not thrown away.
func TestARottenEndIsPutAside(t *testing.T) {
	w := newWorld(t)
	disk := newDisk(t)
	l := w.mustOpen(disk)
	for size := int64(1); size <= 2; size++ {
		if err := errors.Join(l.Keep(w.signed(checkpoint(size))), w.cosign(l, size, w.witnesses[0])); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*slots{l.kept, l.witnesses()[0]} {
		name := s.file.Name()
		step := max(1, s.size/100)
		for at := s.position(1); at < s.position(2); at += step {
			after := disk.Crash(vfs.KeepAll)
			whole := contents(t, after, name)
			overwrite(t, after, name, at, []byte{whole[at] ^ 1})
			again := w.mustOpen(after)
			if err := again.Damage(); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s: byte %d has rotted, and nobody is told: %v", name, at, err)
			}
			whole[at] ^= 1
			if kept := contents(t, after, fmt.Sprintf("%s%s1", name, damagedSuffix)); !bytes.Equal(kept, whole[s.position(1):s.position(2)]) {
				t.Errorf("%s: byte %d: the copy has %d other bytes", name, at, len(kept))
			}
			if err := errors.Join(again.Keep(w.signed(checkpoint(3))), again.Close()); err != nil {
				t.Fatal(err)
			}
			if again = w.mustOpen(after); again.Damage() != nil || again.Size() != 3 {
				t.Errorf("%s: byte %d: opened once more: size %d, %v", name, at, again.Size(), again.Damage())
			}
		}
	}
}

// What a power cut leaves is never taken for damage, and nothing is put aside.
func TestATornEndIsNoAlarm(t *testing.T) {
	w := newWorld(t)
	whole := vfs.NewFaulty(newDisk(t), func(vfs.Op) error { return nil })
	if _, _, err := w.workload(whole); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= whole.Mutations(); n++ {
		for _, cut := range vfstest.Cuts() {
			mem := newDisk(t)
			if _, _, err := w.workload(vfs.NewFaulty(mem, cut.Hook(n))); err != nil && !errors.Is(err, vfs.ErrCrashed) {
				t.Fatal(err)
			}
			l := w.mustOpen(mem.Crash(cut.Keep(n)))
			if err := l.Damage(); err != nil {
				t.Errorf("%s at %d: %v", cut.Name, n, err)
			}
			if err := errors.Join(l.Scrub(t.Context(), 0), l.Close()); err != nil {
				t.Errorf("%s at %d: %v", cut.Name, n, err)
			}
		}
	}
}

func TestASlotIsTornWhereASectorIsZeros(t *testing.T) {
	slot := bytes.Repeat([]byte{7}, 3*sector)
	for i := range 7 {
		slot[i] = 0 // of its size
	}
	for _, c := range []struct {
		at       int64
		from, to int // zeros
		torn     bool
	}{
		{0, 0, 0, false},
		{sector - 7, 0, 0, false},        // the zeros of the size are a sector's part
		{sector - 8, 0, 8, true},         // and here a byte more was not written
		{0, sector, 2 * sector, true},    // a sector
		{0, sector, 2*sector - 1, false}, // but for a byte
		{100, 0, sector, true},
		{100, 3*sector - 1, 3 * sector, false}, // not the rest of its sector
		{1, 3*sector - 1, 3 * sector, true},    // which here is one byte long
	} {
		b := bytes.Clone(slot)
		clear(b[c.from:c.to])
		if got := torn(b, c.at); got != c.torn {
			t.Errorf("%+v: torn is %v", c, got)
		}
	}
}
