package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

func TestNextSplitsABuffer(t *testing.T) {
	var buf []byte
	want := []Batch{build(t, Head{}, samples()...), build(t, Head{Codec: LZ4}, samples()...), build(t, Head{BaseOffset: 9}, Record{Offset: 9})}
	for _, b := range want {
		buf = append(buf, b...)
	}
	for i, w := range want {
		b, rest, err := Next(buf)
		if err != nil || !bytes.Equal(b, w) {
			t.Fatalf("batch %d: %v", i, err)
		}
		if cap(b) != len(b) {
			t.Fatalf("appending to batch %d would overwrite the next one", i)
		}
		buf = rest
	}
	if len(buf) != 0 {
		t.Fatalf("%d bytes are left", len(buf))
	}
}

func TestEveryCutIsShort(t *testing.T) {
	b := build(t, Head{}, Record{Key: []byte("k")})
	for n := range b {
		_, rest, err := Next(b[:n])
		if !errors.Is(err, ErrShort) || len(rest) != n {
			t.Fatalf("%d of %d bytes: %v, %d bytes left", n, len(b), err, len(rest))
		}
	}
}

func TestNextTellsWhatIsWrong(t *testing.T) {
	good := build(t, Head{}, samples()...)
	for _, test := range []struct {
		name   string
		damage func(Batch)
		want   error
	}{
		{"message set of format 0", func(b Batch) { b[posMagic] = 0 }, ErrMagic},
		{"message set of format 1", func(b Batch) { b[posMagic] = 1 }, ErrMagic},
		{"format of the future", func(b Batch) { b[posMagic] = 3 }, ErrCorrupt},
		{"negative format", func(b Batch) { b[posMagic] = 0xff }, ErrCorrupt},
		{"negative length", func(b Batch) { setLength(b, -1) }, ErrCorrupt},
		{"length below the header", func(b Batch) { setLength(b, HeaderSize-PrefixSize-1) }, ErrCorrupt},
		{"length beyond the buffer", func(b Batch) { setLength(b, 1<<31-1) }, ErrShort},
		{"zeros", func(b Batch) { clear(b) }, ErrMagic},
	} {
		if _, _, err := Next(mutate(good, test.damage)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

func setLength(b Batch, n int32) { binary.BigEndian.PutUint32(b[posLength:], uint32(n)) }

func TestCheckFindsEveryFlippedBit(t *testing.T) {
	b := build(t, Head{}, samples()[:5]...)
	for i := posMagic; i < len(b); i++ {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if b.Check() == nil {
				t.Fatalf("bit %d of byte %d flipped, and not noticed", bit, i)
			}
			b[i] ^= 1 << bit
		}
	}
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
}

func TestCheckWantsCountsThatGoTogether(t *testing.T) {
	good := build(t, Head{}, samples()[:3]...)
	for _, test := range []struct {
		count, delta int32
		ok           bool
	}{{3, 2, true}, {1, 2, true}, {0, 2, true}, {0, 0, true}, {4, 2, false}, {-1, 2, false}, {0, -1, false}} {
		b := mutate(good, func(b Batch) {
			binary.BigEndian.PutUint32(b[posCount:], uint32(test.count))
			binary.BigEndian.PutUint32(b[posLastOffsetDelta:], uint32(test.delta))
		})
		if err := b.Check(); (err == nil) != test.ok || err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d records with last offset delta %d: %v", test.count, test.delta, err)
		}
	}
	for _, base := range []int64{-1, math.MinInt64, math.MaxInt64 - 1} {
		if err := mutate(good, func(b Batch) { b.SetBaseOffset(base) }).Check(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("base offset %d: %v", base, err)
		}
	}
	if err := Batch(append(bytes.Clone(good), 0)).Check(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte too many: %v", err)
	}
}
