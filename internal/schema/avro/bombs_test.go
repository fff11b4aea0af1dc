package avro

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/schema"
)

func TestBombsAreRefused(t *testing.T) {
	many := func(n int, format string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf(format, i)
		}
		return strings.Join(parts, ",")
	}
	for name, tc := range map[string]struct{ text, want string }{
		"depth":             {strings.Repeat(`{"type":"array","items":`, 100_000), "nested deeper"},
		"a text of 10 MB":   {`"` + strings.Repeat("x", 10<<20) + `"`, "bytes"},
		"a million fields":  {rec(many(1_000_000, `{"name":"f%d","type":"int"}`)), "bytes"},
		"100,000 fields":    {rec(many(100_000, `{"name":"f%d","type":"int"}`)), "types, fields, symbols"},
		"branches":          {"[" + many(2000, `{"type":"fixed","name":"F%d","size":1}`) + "]", "2000 types"},
		"long namespaces":   {`{"type":"record","name":"R","namespace":"` + strings.Repeat("n", 100_000) + `","fields":[` + many(30_000, `{"name":"f%d","type":{"type":"fixed","name":"F%[1]d","size":1}}`) + `]}`, "bytes"},
		"long printed text": {`{"type":"record","name":"R","fields":[{"name":"d","type":{"type":"fixed","name":"D","namespace":"` + strings.Repeat("n", 900) + `","size":1}},` + many(30_000, `{"name":"f%d","type":{"type":"record","name":"`+strings.Repeat("n", 900)+`.R%[1]d","namespace":"x","fields":[]}}`)[:3_900_000] + `]}`, "byte"},
	} {
		_, err := Language{}.Parse(schema.Source{Text: tc.text, New: true})
		if !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 1000 {
			t.Errorf("%s: %.300v; want %q", name, err, tc.want)
		}
	}
}

// doubled is a chain of records each of which has the next one twice: 2^n
// paths lead through it.
func doubled(n int, leaf string) string {
	text := leaf
	for i := range n {
		text = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s},{"name":"b","type":%q}]}`, i, text, nameOf(i-1, leaf))
	}
	return text
}

func nameOf(i int, leaf string) string {
	if i < 0 {
		return strings.Trim(leaf, `"`)
	}
	return fmt.Sprintf("R%d", i)
}

func TestTypesThatAreReachedInManyWaysAreLookedAtOnce(t *testing.T) {
	null, number, text := parse(t, doubled(60, `"null"`)), parse(t, doubled(60, `"int"`)), parse(t, doubled(60, `"string"`))
	if found := number.Reads(text, schema.Strict); len(found) == 0 || len(found) > maxFindings {
		t.Errorf("%d findings", len(found))
	}
	if found := number.Reads(number, schema.Strict); len(found) != 0 {
		t.Errorf("it does not read itself: %v", found)
	}
	if err := check(t, null, nil); err != nil {
		t.Error(err)
	}
	if err := check(t, number, make([]byte, 100)); !errors.Is(err, schema.ErrMismatch) {
		t.Errorf("a payload too short: %v", err)
	}
}

func TestUnionsOfManyRecordsAreComparedInBoundedTime(t *testing.T) {
	union := func(prefix string, n int) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf(`{"type":"record","name":"%s%d","fields":[{"name":"u","type":"U"}]}`, prefix, i)
		}
		return `{"type":"record","name":"U","fields":[{"name":"x","type":[` + strings.Join(parts, ",") + `]}]}`
	}
	if found := parse(t, union("A", 1000)).Reads(parse(t, union("B", 1000)), schema.Strict); len(found) != maxFindings {
		t.Errorf("%d findings, want %d", len(found), maxFindings)
	}
}
