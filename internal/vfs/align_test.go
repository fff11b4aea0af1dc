package vfs

import (
	"slices"
	"testing"
)

func TestAlignedBufferIsAligned(t *testing.T) {
	for _, c := range []struct{ n, want int }{
		{0, 0}, {1, BlockSize}, {BlockSize, BlockSize}, {BlockSize + 1, 2 * BlockSize},
		{5 * BlockSize, 5 * BlockSize}, {1 << 20, 1 << 20}, {1<<20 - 7, 1 << 20},
	} {
		for range 50 {
			buf := AlignedBuffer(c.n)
			if len(buf) != c.want || cap(buf) < len(buf) || !aligned(buf, 0) {
				t.Fatalf("AlignedBuffer(%d) has length %d, is off by %d", c.n, len(buf), misalignment(buf))
			}
		}
	}
}

func TestAlignedPartSkipsToTheNextBlock(t *testing.T) {
	buf := AlignedBuffer(3 * BlockSize)
	for i := range buf {
		buf[i] = byte(i / BlockSize)
	}
	for skip, want := range map[int]byte{0: 0, 1: 1, BlockSize - 1: 1, BlockSize: 1} {
		part := alignedPart(buf[skip:], BlockSize)
		if !aligned(part, 0) || len(part) != BlockSize || slices.Max(part) != want || slices.Min(part) != want {
			t.Errorf("from byte %d on, the part is not block %d", skip, want)
		}
	}
}
