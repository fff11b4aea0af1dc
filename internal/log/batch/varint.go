package batch

import (
	"math"
	"math/bits"
)

// Record fields are zigzag varints of 32 or 64 bits, seven bits a byte, least
// significant first. Readers here return the position after the number, or -1
// if b ends within it or it is longer than its type allows. Padded encodings are
// accepted, as Kafka accepts them.

// varint reads a signed 32-bit number at b[at:]. at may be -1, so that callers
// check once for several numbers.
func varint(b []byte, at int) (v int32, next int) {
	if uint(at) >= uint(len(b)) {
		return 0, -1
	}
	if c := int32(b[at]); c < 0x80 {
		return c>>1 ^ -(c & 1), at + 1
	}
	u, next := uvarint(b, at)
	if u > math.MaxUint32 {
		return 0, -1
	}
	return int32(unzigzag(u)), next
}

// varlong reads a signed 64-bit number.
func varlong(b []byte, at int) (v int64, next int) {
	u, next := uvarint(b, at)
	return unzigzag(u), next
}

// uvarint reads an unsigned number of at most 64 bits.
func uvarint(b []byte, at int) (v uint64, next int) {
	if at < 0 {
		return 0, -1
	}
	for shift := 0; shift < 64 && at < len(b); shift += 7 {
		c := b[at]
		at++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if shift == 63 && c > 1 {
				return 0, -1
			}
			return v, at
		}
	}
	return 0, -1
}

// short decodes a varint of one to three bytes from the four bytes that begin
// with it, loaded little-endian. n is 0 if it is longer. It is small enough to
// be inlined.
func short(w uint32) (v uint32, n int) {
	switch {
	case w&0x80 == 0:
		return w & 0x7f, 1
	case w&0x8000 == 0:
		return w&0x7f | w>>1&0x3f80, 2
	case w&0x800000 == 0:
		return w&0x7f | w>>1&0x3f80 | w>>2&0x1fc000, 3
	}
	return 0, 0
}

func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func zigzag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

// appendVarint appends a signed number. For values in the 32-bit range the
// encoding is that of a 32-bit varint.
func appendVarint(dst []byte, v int64) []byte {
	u := zigzag(v)
	for u >= 0x80 {
		dst = append(dst, byte(u)|0x80)
		u >>= 7
	}
	return append(dst, byte(u))
}

// varintSize is the number of bytes that appendVarint appends.
func varintSize(v int64) int { return (bits.Len64(zigzag(v)|1) + 6) / 7 }
