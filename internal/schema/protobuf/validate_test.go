package protobuf

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/schema"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
)

func check(t testing.TB, s *Schema, indexes []int, payload string) error {
	t.Helper()
	b, err := hex.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Validator()
	if err != nil {
		t.Fatal(err)
	}
	return v.Validate(indexes, b)
}

const order = `message A { string s = 1; repeated int32 n = 2; A next = 3; map<string, A> m = 4; fixed64 f = 5; bytes b = 100; message N { int32 i = 1; } } message B { double d = 1; }`

func TestPayloadsAreWalked(t *testing.T) {
	three := parse(t, p3(order))
	two := parse(t, p2(`message A { required int32 a = 1; optional string s = 2; repeated group G = 3 { optional int32 i = 1; } }`))
	for _, tc := range []struct {
		name    string
		s       *Schema
		indexes []int
		payload string
		want    string
	}{
		{"nothing", three, nil, "", ""}, {"a string", three, nil, "0a02c3a9", ""}, {"a string that is not UTF-8", three, nil, "0a01ff", "at s: a string that is not UTF-8"},
		{"a number for a string", three, nil, "0801", "a number, where the field has bytes"}, {"numbers, packed and not", three, nil, "120301ff01" + "1005", ""},
		{"packed and cut off", three, nil, "1202ffff", "at n"}, {"deeper", three, nil, "1a051a030a01ff", "at next.next.s"}, {"a map", three, nil, "22070a016b1202" + "1001", ""},
		{"a map's key", three, nil, "22030a01ff", "at m.key"}, {"8 bytes", three, nil, "290102030405060708", ""}, {"8 bytes cut off", three, nil, "2901020304", "at f"}, {"a high number", three, nil, "a20601ff", ""},
		{"an unknown field", three, nil, "f80101", ""}, {"an unknown group", three, nil, "fb01" + "0801" + "fc01", ""}, {"an unknown group that does not end", three, nil, "fb010801", "field 31"},
		{"the end of a group", three, nil, "fc01", "end of group"}, {"field 0", three, nil, "0001", "no tag"}, {"half a tag", three, nil, "80", "no tag"}, {"a length beyond", three, nil, "0a05", "at s"},
		{"another message", three, []int{1}, "090000000000000000", ""}, {"another message's field", three, []int{1}, "0a0161", "where the field has 8 bytes"},
		{"a message within", three, []int{0, 0}, "0801", ""}, {"no such message", three, []int{2}, "", "no message at the indexes"}, {"no message within", three, []int{0, 1}, "", "no message at the indexes"},
		{"required", two, nil, "0801", ""}, {"required missing", two, nil, "120161", "required field a of p.A"}, {"proto2 takes any string", two, nil, "080112" + "01ff", ""},
		{"a group", two, nil, "0801" + "1b" + "0801" + "1c", ""}, {"a group that does not end", two, nil, "0801" + "1b0801", "group 3 does not end"},
	} {
		err := check(t, tc.s, tc.indexes, tc.payload)
		if tc.want == "" && err != nil || tc.want != "" && (!errors.Is(err, schema.ErrMismatch) || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v; want %q", tc.name, err, tc.want)
		}
	}
}

func TestAPayloadNestedWithoutEndIsRefused(t *testing.T) {
	s := parse(t, p3(order))
	payload := ""
	for range 3 * maxDepth {
		b, _ := hex.DecodeString(payload)
		payload = hex.EncodeToString(append(appendVarint([]byte{0x1a}, len(b)), b...))
	}
	if err := check(t, s, nil, payload); !errors.Is(err, schema.ErrMismatch) || !strings.Contains(err.Error(), "deeper") {
		t.Errorf("messages: %.300v", err)
	}
	if err := check(t, s, nil, strings.Repeat("fb01", 1_000_000)); !errors.Is(err, schema.ErrMismatch) {
		t.Errorf("unknown groups: %v", err)
	}
}

func appendVarint(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// FuzzWalk: a payload that matches is one that Go's Protobuf unmarshals; one
// that does not is one that it refuses, or that has a known field with another
// type on the wire, which it takes for an unknown one, or is nested too deep.
func FuzzWalk(f *testing.F) {
	schemas := []*Schema{parse(f, p3(order)), parse(f, p2(`message A { required int32 a = 1; optional string s = 2; repeated group G = 3 { optional A i = 1; } repeated double d = 4 [packed = true]; }`))}
	f.Add(uint8(0), []byte("\x0a\x02\xc3\xa9\x12\x03\x01\xff\x01\x10\x05\x22\x07\x0a\x01\x6b\x12\x02\x10\x01"))
	f.Add(uint8(1), []byte("\x08\x01\x1b\x0a\x02\x08\x01\x1c"))
	f.Fuzz(func(t *testing.T, which uint8, payload []byte) {
		s := schemas[int(which)%len(schemas)]
		v, err := s.Validator()
		if err != nil {
			t.Fatal(err)
		}
		err = v.Validate(nil, payload)
		oracle := proto.Unmarshal(payload, dynamicpb.NewMessage(s.file.Messages().Get(0)))
		if err == nil && oracle != nil {
			t.Fatalf("%x matches, and the oracle says %v", payload, oracle)
		}
		if err != nil && oracle == nil && !strings.Contains(err.Error(), "where the field has") && !strings.Contains(err.Error(), "deeper") {
			t.Fatalf("%x: %v, and the oracle takes it", payload, err)
		}
	})
}
