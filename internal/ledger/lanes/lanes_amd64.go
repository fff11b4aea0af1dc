//go:build !purego

package lanes

import "github.com/evidentlog/evident/proof"

// paired tells whether the processor can run blocks: it never changes.
var paired = detect()

// blocks adds n blocks at p0 to the state s0, and n blocks at p1 to s1.
//
//go:noescape
func blocks(s0, s1 *state, p0, p1 *byte, n int)

// pair sets h0 to the hash of the n blocks at p0, and h1 to that of those at p1.
//
//go:noescape
func pair(h0, h1 *proof.Hash, p0, p1 *byte, n int)

func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)

func detect() bool {
	const ssse3, sha = 1 << 9, 1 << 29 // in ecx of leaf 1, in ebx of leaf 7
	if most, _, _, _ := cpuid(0, 0); most < 7 {
		return false
	}
	_, _, c1, _ := cpuid(1, 0)
	_, b7, _, _ := cpuid(7, 0)
	return c1&ssse3 != 0 && b7&sha != 0
}
