package vfs

import "unsafe"

// AlignedBuffer returns a zeroed buffer for reads and writes on a direct
// handle: its length is n bytes rounded up to a multiple of BlockSize, its
// address is a multiple of BlockSize.
//
// It must not be inlined: a buffer of constant size could then end up on the
// caller's stack, and stacks move. The heap does not.
//
//go:noinline
func AlignedBuffer(n int) []byte {
	n = (n + BlockSize - 1) &^ (BlockSize - 1)
	// The allocator happens to align such lengths already, as a rule.
	if buf := make([]byte, n); misalignment(buf) == 0 {
		return buf
	}
	return alignedPart(make([]byte, n+BlockSize), n)
}

// alignedPart returns the first n bytes of buf that start aligned.
func alignedPart(buf []byte, n int) []byte {
	skip := (BlockSize - misalignment(buf)) % BlockSize
	return buf[skip : skip+n : skip+n]
}

// misalignment is the number of bytes by which buf starts beyond a multiple of
// BlockSize.
func misalignment(buf []byte) int {
	return int(uintptr(unsafe.Pointer(unsafe.SliceData(buf))) % BlockSize)
}

// aligned tells if a direct handle may transfer p at off.
func aligned(p []byte, off int64) bool {
	if off%BlockSize != 0 || len(p)%BlockSize != 0 {
		return false
	}
	return len(p) == 0 || misalignment(p) == 0
}
