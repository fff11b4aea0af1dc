package log

import (
	"bytes"
	"testing"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// TestBatchesOfASliceAreItsWholeOnes from memory and from files; and what is cut
// out of a slice is those bytes.
func TestBatchesOfASliceAreItsWholeOnes(t *testing.T) {
	disk := vfs.NewMem()
	l, p := started(t, disk, smallSegments)
	list, bases := writeBatches(t, p)
	check := func(p *Partition) {
		t.Helper()
		for _, first := range list {
			for _, maxBytes := range []int{0, 100, 500, 1 << 20} {
				checkBatches(t, p, first.base, maxBytes, wantRead(list, bases, first.base, maxBytes, true))
			}
		}
	}
	check(p)
	mustDo(t, l.Close())
	_, p = started(t, disk, smallSegments)
	check(p)
}

func checkBatches(t *testing.T, p *Partition, offset int64, maxBytes int, want []byte) {
	t.Helper()
	s, err := p.Read(offset, maxBytes, true)
	mustDo(t, err)
	defer s.Close()
	var last SliceBatch
	rest := want
	for b, err := range s.Batches() {
		mustDo(t, err)
		whole, more, err := batch.Next(rest)
		mustDo(t, err)
		if !bytes.Equal(b.Header, whole[:batch.HeaderSize]) || b.Pos != len(want)-len(rest) || b.Size != len(whole) {
			t.Fatalf("from %d, %d bytes: batch at %d of %d bytes, want %d", offset, maxBytes, b.Pos, b.Size, len(want)-len(rest))
		}
		last, rest = b, more
	}
	if _, _, err := batch.Next(rest); err == nil {
		t.Fatalf("from %d, %d bytes: %d bytes with a whole batch are left", offset, maxBytes, len(rest))
	}
	mustDo(t, s.Cut(last.Pos, last.Pos+last.Size))
	var got bytes.Buffer
	mustDo(t, s.WriteTo(&got, vfs.AlignedBuffer(64<<10)))
	if !bytes.Equal(got.Bytes(), want[last.Pos:last.Pos+last.Size]) {
		t.Fatalf("from %d, %d bytes: cut to %d bytes at %d, got %d", offset, maxBytes, last.Size, last.Pos, got.Len())
	}
}

func TestAnEmptySliceHasNoBatches(t *testing.T) {
	_, p := started(t, vfs.NewMem())
	s, err := p.Read(0, 100, true)
	mustDo(t, err)
	for range s.Batches() {
		t.Error("there is one")
	}
	mustDo(t, s.Cut(0, 0))
}
