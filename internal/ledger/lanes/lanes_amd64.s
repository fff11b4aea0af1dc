//go:build !purego

#include "textflag.h"

// Registers of a lane are the state (ABEF, CDGH) and the last 16 words of the
// message schedule (m0 to m3, which change places from step to step). X0 is what
// SHA256RNDS2 reads: four words with their constants added.
//
//	lane 0: X1 X2, X3 X4 X5 X6      lane 1: X7 X8, X9 X10 X11 X12
//
// The latency of SHA256RNDS2 is twice or more its throughput, and each waits for
// the one before. So steps of both lanes alternate, and the processor runs them
// side by side.

// LOAD reads 16 bytes of the message as four big-endian words.
#define LOAD(at, p, m) \
	MOVOU at(p), m \
	PSHUFB X14, m

// ROUNDS are four rounds with the words m.
#define ROUNDS(k, abef, cdgh, m) \
	MOVO m, X0 \
	PADDD k(AX), X0 \
	SHA256RNDS2 X0, abef, cdgh \
	PSHUFD $0x0e, X0, X0 \
	SHA256RNDS2 X0, cdgh, abef

// NEXT makes four words of the schedule from the last 16, m0 the newest: they
// replace the oldest, m1, to which SHA256MSG1 has been applied.
#define NEXT(m0, m1, m3) \
	MOVO m0, X13 \
	PALIGNR $4, m3, X13 \
	PADDD X13, m1 \
	SHA256MSG2 m0, m1

// STEP are four rounds, and the next four words of the schedule.
#define STEP(k, abef, cdgh, m0, m1, m3) \
	ROUNDS(k, abef, cdgh, m0) \
	NEXT(m0, m1, m3)

// BLOCK adds a block to each lane. It uses 64 bytes of the stack.
#define BLOCK \
	MOVOU X1, 0(SP) \
	MOVOU X2, 16(SP) \
	MOVOU X7, 32(SP) \
	MOVOU X8, 48(SP) \
	LOAD(0, SI, X3) \
	LOAD(0, DI, X9) \
	ROUNDS(0, X1, X2, X3) \
	ROUNDS(0, X7, X8, X9) \
	LOAD(16, SI, X4) \
	LOAD(16, DI, X10) \
	ROUNDS(16, X1, X2, X4) \
	SHA256MSG1 X4, X3 \
	ROUNDS(16, X7, X8, X10) \
	SHA256MSG1 X10, X9 \
	LOAD(32, SI, X5) \
	LOAD(32, DI, X11) \
	ROUNDS(32, X1, X2, X5) \
	SHA256MSG1 X5, X4 \
	ROUNDS(32, X7, X8, X11) \
	SHA256MSG1 X11, X10 \
	LOAD(48, SI, X6) \
	LOAD(48, DI, X12) \
	STEP(48, X1, X2, X6, X3, X5) \
	SHA256MSG1 X6, X5 \
	STEP(48, X7, X8, X12, X9, X11) \
	SHA256MSG1 X12, X11 \
	STEP(64, X1, X2, X3, X4, X6) \
	SHA256MSG1 X3, X6 \
	STEP(64, X7, X8, X9, X10, X12) \
	SHA256MSG1 X9, X12 \
	STEP(80, X1, X2, X4, X5, X3) \
	SHA256MSG1 X4, X3 \
	STEP(80, X7, X8, X10, X11, X9) \
	SHA256MSG1 X10, X9 \
	STEP(96, X1, X2, X5, X6, X4) \
	SHA256MSG1 X5, X4 \
	STEP(96, X7, X8, X11, X12, X10) \
	SHA256MSG1 X11, X10 \
	STEP(112, X1, X2, X6, X3, X5) \
	SHA256MSG1 X6, X5 \
	STEP(112, X7, X8, X12, X9, X11) \
	SHA256MSG1 X12, X11 \
	STEP(128, X1, X2, X3, X4, X6) \
	SHA256MSG1 X3, X6 \
	STEP(128, X7, X8, X9, X10, X12) \
	SHA256MSG1 X9, X12 \
	STEP(144, X1, X2, X4, X5, X3) \
	SHA256MSG1 X4, X3 \
	STEP(144, X7, X8, X10, X11, X9) \
	SHA256MSG1 X10, X9 \
	STEP(160, X1, X2, X5, X6, X4) \
	SHA256MSG1 X5, X4 \
	STEP(160, X7, X8, X11, X12, X10) \
	SHA256MSG1 X11, X10 \
	STEP(176, X1, X2, X6, X3, X5) \
	SHA256MSG1 X6, X5 \
	STEP(176, X7, X8, X12, X9, X11) \
	SHA256MSG1 X12, X11 \
	STEP(192, X1, X2, X3, X4, X6) \
	SHA256MSG1 X3, X6 \
	STEP(192, X7, X8, X9, X10, X12) \
	SHA256MSG1 X9, X12 \
	STEP(208, X1, X2, X4, X5, X3) \
	STEP(208, X7, X8, X10, X11, X9) \
	STEP(224, X1, X2, X5, X6, X4) \
	STEP(224, X7, X8, X11, X12, X10) \
	ROUNDS(240, X1, X2, X6) \
	ROUNDS(240, X7, X8, X12) \
	MOVOU 0(SP), X13 \
	PADDD X13, X1 \
	MOVOU 16(SP), X13 \
	PADDD X13, X2 \
	MOVOU 32(SP), X13 \
	PADDD X13, X7 \
	MOVOU 48(SP), X13 \
	PADDD X13, X8

// func blocks(s0, s1 *state, p0, p1 *byte, n int)
//
// It needs SSSE3 and the SHA extensions; n is at least 1.
TEXT ·blocks(SB), NOSPLIT, $64-40
	MOVQ s0+0(FP), R8
	MOVQ s1+8(FP), R9
	MOVQ p0+16(FP), SI
	MOVQ p1+24(FP), DI
	MOVQ n+32(FP), CX
	LEAQ k<>(SB), AX
	MOVOU swap<>(SB), X14
	MOVOU (R8), X1
	MOVOU 16(R8), X2
	MOVOU (R9), X7
	MOVOU 16(R9), X8

loop:
	BLOCK
	ADDQ $64, SI
	ADDQ $64, DI
	DECQ CX
	JNZ loop

	MOVOU X1, (R8)
	MOVOU X2, 16(R8)
	MOVOU X7, (R9)
	MOVOU X8, 16(R9)
	RET

// PUT writes a state as a hash: words A to H, big-endian.
#define PUT(abef, cdgh, at) \
	PSHUFB X14, abef \
	PSHUFB X14, cdgh \
	MOVO abef, X13 \
	PUNPCKLQDQ cdgh, X13 \
	PUNPCKHQDQ cdgh, abef \
	MOVOU X13, (at) \
	MOVOU abef, 16(at)

// func pair(h0, h1 *proof.Hash, p0, p1 *byte, n int)
//
// It needs SSSE3 and the SHA extensions; n is at least 1.
TEXT ·pair(SB), NOSPLIT, $64-40
	MOVQ h0+0(FP), R8
	MOVQ h1+8(FP), R9
	MOVQ p0+16(FP), SI
	MOVQ p1+24(FP), DI
	MOVQ n+32(FP), CX
	LEAQ k<>(SB), AX
	MOVOU swap<>(SB), X14
	MOVOU initial<>+0(SB), X1
	MOVOU initial<>+16(SB), X2
	MOVO X1, X7
	MOVO X2, X8

loop:
	BLOCK
	ADDQ $64, SI
	ADDQ $64, DI
	DECQ CX
	JNZ loop

	MOVOU reverse<>(SB), X14
	PUT(X1, X2, R8)
	PUT(X7, X8, R9)
	RET

// func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	MOVL CX, ecx+16(FP)
	MOVL DX, edx+20(FP)
	RET

DATA swap<>+0(SB)/8, $0x0405060700010203
DATA swap<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL swap<>(SB), RODATA|NOPTR, $16

DATA reverse<>+0(SB)/8, $0x08090a0b0c0d0e0f
DATA reverse<>+8(SB)/8, $0x0001020304050607
GLOBL reverse<>(SB), RODATA|NOPTR, $16

// The initial value of FIPS 180-4, section 5.3.3: f e b a, h g d c.
DATA initial<>+0(SB)/4, $0x9b05688c
DATA initial<>+4(SB)/4, $0x510e527f
DATA initial<>+8(SB)/4, $0xbb67ae85
DATA initial<>+12(SB)/4, $0x6a09e667
DATA initial<>+16(SB)/4, $0x5be0cd19
DATA initial<>+20(SB)/4, $0x1f83d9ab
DATA initial<>+24(SB)/4, $0xa54ff53a
DATA initial<>+28(SB)/4, $0x3c6ef372
GLOBL initial<>(SB), RODATA|NOPTR, $32

// The constants of FIPS 180-4, section 4.2.2.
DATA k<>+0x00(SB)/4, $0x428a2f98
DATA k<>+0x04(SB)/4, $0x71374491
DATA k<>+0x08(SB)/4, $0xb5c0fbcf
DATA k<>+0x0c(SB)/4, $0xe9b5dba5
DATA k<>+0x10(SB)/4, $0x3956c25b
DATA k<>+0x14(SB)/4, $0x59f111f1
DATA k<>+0x18(SB)/4, $0x923f82a4
DATA k<>+0x1c(SB)/4, $0xab1c5ed5
DATA k<>+0x20(SB)/4, $0xd807aa98
DATA k<>+0x24(SB)/4, $0x12835b01
DATA k<>+0x28(SB)/4, $0x243185be
DATA k<>+0x2c(SB)/4, $0x550c7dc3
DATA k<>+0x30(SB)/4, $0x72be5d74
DATA k<>+0x34(SB)/4, $0x80deb1fe
DATA k<>+0x38(SB)/4, $0x9bdc06a7
DATA k<>+0x3c(SB)/4, $0xc19bf174
DATA k<>+0x40(SB)/4, $0xe49b69c1
DATA k<>+0x44(SB)/4, $0xefbe4786
DATA k<>+0x48(SB)/4, $0x0fc19dc6
DATA k<>+0x4c(SB)/4, $0x240ca1cc
DATA k<>+0x50(SB)/4, $0x2de92c6f
DATA k<>+0x54(SB)/4, $0x4a7484aa
DATA k<>+0x58(SB)/4, $0x5cb0a9dc
DATA k<>+0x5c(SB)/4, $0x76f988da
DATA k<>+0x60(SB)/4, $0x983e5152
DATA k<>+0x64(SB)/4, $0xa831c66d
DATA k<>+0x68(SB)/4, $0xb00327c8
DATA k<>+0x6c(SB)/4, $0xbf597fc7
DATA k<>+0x70(SB)/4, $0xc6e00bf3
DATA k<>+0x74(SB)/4, $0xd5a79147
DATA k<>+0x78(SB)/4, $0x06ca6351
DATA k<>+0x7c(SB)/4, $0x14292967
DATA k<>+0x80(SB)/4, $0x27b70a85
DATA k<>+0x84(SB)/4, $0x2e1b2138
DATA k<>+0x88(SB)/4, $0x4d2c6dfc
DATA k<>+0x8c(SB)/4, $0x53380d13
DATA k<>+0x90(SB)/4, $0x650a7354
DATA k<>+0x94(SB)/4, $0x766a0abb
DATA k<>+0x98(SB)/4, $0x81c2c92e
DATA k<>+0x9c(SB)/4, $0x92722c85
DATA k<>+0xa0(SB)/4, $0xa2bfe8a1
DATA k<>+0xa4(SB)/4, $0xa81a664b
DATA k<>+0xa8(SB)/4, $0xc24b8b70
DATA k<>+0xac(SB)/4, $0xc76c51a3
DATA k<>+0xb0(SB)/4, $0xd192e819
DATA k<>+0xb4(SB)/4, $0xd6990624
DATA k<>+0xb8(SB)/4, $0xf40e3585
DATA k<>+0xbc(SB)/4, $0x106aa070
DATA k<>+0xc0(SB)/4, $0x19a4c116
DATA k<>+0xc4(SB)/4, $0x1e376c08
DATA k<>+0xc8(SB)/4, $0x2748774c
DATA k<>+0xcc(SB)/4, $0x34b0bcb5
DATA k<>+0xd0(SB)/4, $0x391c0cb3
DATA k<>+0xd4(SB)/4, $0x4ed8aa4a
DATA k<>+0xd8(SB)/4, $0x5b9cca4f
DATA k<>+0xdc(SB)/4, $0x682e6ff3
DATA k<>+0xe0(SB)/4, $0x748f82ee
DATA k<>+0xe4(SB)/4, $0x78a5636f
DATA k<>+0xe8(SB)/4, $0x84c87814
DATA k<>+0xec(SB)/4, $0x8cc70208
DATA k<>+0xf0(SB)/4, $0x90befffa
DATA k<>+0xf4(SB)/4, $0xa4506ceb
DATA k<>+0xf8(SB)/4, $0xbef9a3f7
DATA k<>+0xfc(SB)/4, $0xc67178f2
GLOBL k<>(SB), RODATA|NOPTR, $256
