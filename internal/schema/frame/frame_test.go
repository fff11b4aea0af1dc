package frame

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
)

func TestFramesAreThoseOfConfluentsClients(t *testing.T) {
	guid := GUID{0x89, 0x79, 0x1c, 0x5a, 0x2c, 0x42, 0x4e, 0x7f, 0x9b, 0x0d, 1, 2, 3, 4, 5, 6}
	for _, tc := range []struct {
		bytes string
		want  Frame
		rest  string
		err   error
	}{
		{"00000000010203", Frame{ID: 1}, "0203", nil}, {"007fffffff", Frame{ID: 1<<31 - 1}, "", nil},
		{"0189791c5a2c424e7f9b0d01020304050600", Frame{GUID: guid}, "00", nil},
		{"", Frame{}, "", ErrUnframed}, {"00000001", Frame{}, "", ErrUnframed}, {"0189791c5a2c424e7f9b0d0102030405", Frame{}, "", ErrUnframed},
		{"7b7d", Frame{}, "", ErrUnframed}, {"00ffffffff", Frame{}, "", ErrDamaged}, {"0100000000000000000000000000000000", Frame{}, "", ErrDamaged},
	} {
		b, _ := hex.DecodeString(tc.bytes)
		f, rest, err := Decode(b)
		if !errors.Is(err, tc.err) || err == nil && (f != tc.want || hex.EncodeToString(rest) != tc.rest || !bytes.Equal(append(f.Append(nil), rest...), b)) {
			t.Errorf("%s: %+v, %x, %v", tc.bytes, f, rest, err)
		}
	}
	if got := guid.String(); got != "89791c5a-2c42-4e7f-9b0d-010203040506" {
		t.Errorf("the GUID is %s", got)
	}
}

func TestIndexesAreZigzagAndTheFirstMessageIsOneByte(t *testing.T) {
	for _, tc := range []struct {
		bytes   string
		indexes []int
		written string
	}{
		{"00ff", nil, "00"}, {"0200ff", []int{0}, "00"}, {"0202ff", []int{1}, "0202"}, {"04028001ff", []int{1, 64}, "04028001"},
	} {
		b, _ := hex.DecodeString(tc.bytes)
		got, rest, err := Indexes(b)
		if err != nil || !slices.Equal(got, tc.indexes) || !bytes.Equal(rest, []byte{0xff}) || hex.EncodeToString(AppendIndexes(nil, got)) != tc.written {
			t.Errorf("%s: %v, %x, %v", tc.bytes, got, rest, err)
		}
	}
	for _, damaged := range []string{"", "80", "02", "01", "ffffffff0f", "0201", "feffffff0f", "80808080808001", "cc01" + "00"} {
		b, _ := hex.DecodeString(damaged)
		if _, _, err := Indexes(b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", damaged, err)
		}
	}
}

// FuzzDecode: what is read is written as the same bytes; indexes in their
// shortest form are; nothing that is not there is read.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 0})
	f.Add([]byte{1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 2, 0})
	f.Fuzz(func(t *testing.T, value []byte) {
		frame, rest, err := Decode(value)
		if err != nil {
			if !errors.Is(err, ErrUnframed) && !errors.Is(err, ErrDamaged) {
				t.Fatalf("%x: %v", value, err)
			}
			return
		}
		if !bytes.Equal(append(frame.Append(nil), rest...), value) {
			t.Fatalf("%x is read as %+v", value, frame)
		}
		indexes, payload, err := Indexes(rest)
		if err != nil {
			return
		}
		again, payload2, err := Indexes(append(AppendIndexes(nil, indexes), payload...))
		if err != nil || !bytes.Equal(payload, payload2) || !slices.Equal(again, indexes) && !(len(indexes) == 1 && indexes[0] == 0 && again == nil) {
			t.Fatalf("%x: indexes %v are read again as %v, %v", rest, indexes, again, err)
		}
	})
}
