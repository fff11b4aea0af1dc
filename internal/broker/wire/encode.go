package wire

import (
	"encoding/binary"
	"math"
)

// Encoder appends the protocol's types to Dst, for the responses that are not
// left to the codec.
type Encoder struct {
	Dst      []byte
	Flexible bool // lengths are compact, structs end in tags (KIP-482)
}

// Int8 appends v.
func (e *Encoder) Int8(v int8) { e.Dst = append(e.Dst, byte(v)) }

// Int16 appends v.
func (e *Encoder) Int16(v int16) { e.Dst = binary.BigEndian.AppendUint16(e.Dst, uint16(v)) }

// Int32 appends v.
func (e *Encoder) Int32(v int32) { e.Dst = binary.BigEndian.AppendUint32(e.Dst, uint32(v)) }

// Int64 appends v.
func (e *Encoder) Int64(v int64) { e.Dst = binary.BigEndian.AppendUint64(e.Dst, uint64(v)) }

// ArrayLen appends the length of an array; its elements follow. -1 is null.
func (e *Encoder) ArrayLen(n int) { e.length(n) }

// BytesLen appends the length of bytes or records, which follow. -1 is null.
func (e *Encoder) BytesLen(n int) { e.length(n) }

func (e *Encoder) length(n int) {
	if e.Flexible {
		e.Dst = binary.AppendUvarint(e.Dst, uint64(n+1))
		return
	}
	e.Int32(int32(n))
}

// String appends s, which is cut at the longest that a string can be.
func (e *Encoder) String(s string) {
	s = s[:min(len(s), math.MaxInt16)]
	if e.Flexible {
		e.Dst = binary.AppendUvarint(e.Dst, uint64(len(s)+1))
	} else {
		e.Int16(int16(len(s)))
	}
	e.Dst = append(e.Dst, s...)
}

// NullableString appends s, or null.
func (e *Encoder) NullableString(s string, null bool) {
	switch {
	case !null:
		e.String(s)
	case e.Flexible:
		e.Dst = append(e.Dst, 0)
	default:
		e.Int16(-1)
	}
}

// NoString appends null in place of a string.
func (e *Encoder) NoString() { e.NullableString("", true) }

// NoTags ends a struct without tags.
func (e *Encoder) NoTags() {
	if e.Flexible {
		e.Dst = append(e.Dst, 0)
	}
}
