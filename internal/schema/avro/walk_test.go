package avro

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/schema"
)

func check(t testing.TB, s *Schema, payload []byte) error {
	t.Helper()
	v, err := s.Validator()
	if err != nil {
		t.Fatal(err)
	}
	return v.Validate(nil, payload)
}

func TestPayloadsAreWalkedToTheirEndAndNoFurther(t *testing.T) {
	order := rec(`{"name":"id","type":"string"}`, `{"name":"lines","type":{"type":"array","items":{"type":"record","name":"L","fields":[{"name":"n","type":"int"},{"name":"p","type":["null","double"]}]}}}`)
	for _, tc := range []struct{ name, text, payload, want string }{
		{"null", `"null"`, "", ""}, {"null and more", `"null"`, "00", "1 bytes are left"},
		{"false", `"boolean"`, "00", ""}, {"a boolean of 2", `"boolean"`, "02", "0x02"}, {"no boolean", `"boolean"`, "", "ends where"},
		{"an int", `"int"`, "ffffffff0f", ""}, {"an int of 33 bits", `"int"`, "8080808010", "no int"}, {"a long of 64 bits", `"long"`, "ffffffffffffffffff01", ""},
		{"a long of 65 bits", `"long"`, "ffffffffffffffffff02", "more than 64"}, {"a long cut off", `"long"`, "80", "ends where"},
		{"a float", `"float"`, "00000000", ""}, {"half a double", `"double"`, "00000000", "8 bytes are due"},
		{"a string", `"string"`, "04c3a9", ""}, {"a string that is not UTF-8", `"string"`, "02ff", "not UTF-8"}, {"bytes", `"bytes"`, "02ff", ""},
		{"a string too long", `"string"`, "06c3a9", "3 bytes, and 2"}, {"a string of negative length", `"string"`, "01", "-1 bytes"},
		{"a fixed", `{"type":"fixed","name":"F","size":2}`, "0001", ""}, {"an enum", `{"type":"enum","name":"E","symbols":["A","B"]}`, "02", ""},
		{"an enum beyond", `{"type":"enum","name":"E","symbols":["A","B"]}`, "04", "symbol 2 of enum E, which has 2"}, {"an enum before", `{"type":"enum","name":"E","symbols":["A","B"]}`, "01", "symbol -1"},
		{"a branch", `["null","int"]`, "0202", ""}, {"a branch beyond", `["null","int"]`, "04", "branch 2 of a union that has 2"},
		{"an empty array", `{"type":"array","items":"int"}`, "00", ""}, {"two blocks", `{"type":"array","items":"int"}`, "0202040406" + "00", ""},
		{"a block with its size", `{"type":"array","items":"int"}`, "0304020400", ""}, {"a block with a wrong size", `{"type":"array","items":"int"}`, "0302020400", "ends"},
		{"a block of more than there is", `{"type":"array","items":"double"}`, "0a" + strings.Repeat("00", 39), "5 items of at least 8 bytes in the 39"},
		{"the least long as count", `{"type":"array","items":"null"}`, "ffffffffffffffffff0100", "block of -9223372036854775808"},
		{"nulls without end", `{"type":"array","items":"null"}`, "feffffffffffffffff0100", "without content"}, {"a few nulls", `{"type":"array","items":"null"}`, "0600", ""},
		{"a map", `{"type":"map","values":"int"}`, "0202610200", ""}, {"a map with a bad value", `{"type":"map","values":"boolean"}`, "0202610200", `at ["a"]: 0x02`}, {"a map with a bad key", `{"type":"map","values":"int"}`, "0202ff0200", "at [key 0]"},
		{"an order", order, "0261" + "04" + "0200" + "0402" + "0000000000000000" + "00", ""}, {"an order with a bad line", order, "0261" + "04" + "0200" + "0406" + "00", "at lines[1].p: branch 3"},
	} {
		payload, err := hex.DecodeString(tc.payload)
		if err != nil {
			t.Fatal(err)
		}
		err = check(t, parse(t, tc.text), payload)
		if tc.want == "" && err != nil || tc.want != "" && (!errors.Is(err, schema.ErrMismatch) || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v; want %q", tc.name, err, tc.want)
		}
	}
}

func TestAPayloadNestedWithoutEndIsRefused(t *testing.T) {
	list := parse(t, rec(`{"name":"next","type":["null","R"]}`))
	if err := check(t, list, append(bytes.Repeat([]byte{2}, 400), 0)); err != nil {
		t.Errorf("a list of 400: %v", err)
	}
	if err := check(t, list, append(bytes.Repeat([]byte{2}, 1_000_000), 0)); !errors.Is(err, schema.ErrMismatch) || len(err.Error()) > 1000 {
		t.Errorf("a list of a million: %v", err)
	}
	if err := check(t, parse(t, rec(`{"name":"self","type":"R"}`)), nil); !errors.Is(err, schema.ErrMismatch) {
		t.Errorf("a record that contains itself: %v", err)
	}
}
