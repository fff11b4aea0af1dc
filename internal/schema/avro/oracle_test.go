package avro

import (
	"strings"
	"testing"

	twmb "github.com/twmb/avro"
)

// FuzzWalk: a payload that matches is one that twmb/avro decodes to its end,
// and the other way round. Known differences: blocks whose size is not that of
// their items, which it does not compare; numbers written in more bytes than
// they need; booleans that are neither 0 nor 1; text that is not UTF-8; items without content; and depth.
func FuzzWalk(f *testing.F) {
	texts := []string{
		rec(`{"name":"id","type":"string"}`, `{"name":"n","type":["null","int","long"]}`, `{"name":"lines","type":{"type":"array","items":{"type":"record","name":"L","fields":[{"name":"q","type":"double"},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}}]}}}`),
		`{"type":"map","values":["boolean","bytes",{"type":"fixed","name":"F","size":3},{"type":"array","items":"float"}]}`,
		rec(`{"name":"v","type":"int"}`, `{"name":"next","type":["null","R"]}`),
	}
	schemas := make([]*Schema, len(texts))
	oracles := make([]*twmb.Schema, len(texts))
	for i, text := range texts {
		schemas[i], oracles[i] = parse(f, text), twmb.MustParse(text)
		f.Add(uint8(i), []byte{2, 'a', 2, 4, 0})
	}
	f.Add(uint8(0), []byte{2, 'a', 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0})
	f.Add(uint8(1), []byte{2, 2, 'k', 0, 1, 0})
	f.Add(uint8(2), []byte{2, 2, 4, 0})
	f.Fuzz(func(t *testing.T, which uint8, payload []byte) {
		i := int(which) % len(texts)
		err := check(t, schemas[i], payload)
		var v any
		rest, oracle := oracles[i].Decode(payload, &v)
		matches := oracle == nil && len(rest) == 0
		if err == nil && !matches {
			t.Fatalf("%x matches %s, and the oracle says %v, %d bytes left", payload, texts[i], oracle, len(rest))
		}
		if err != nil && matches && !knownDifference(err.Error()) {
			t.Fatalf("%x does not match %s: %v; the oracle reads %v", payload, texts[i], err, v)
		}
	})
}

func knownDifference(reason string) bool {
	for _, known := range []string{"off its size", "a block of", "UTF-8", "boolean is 0 or 1", "nested deeper"} {
		if strings.Contains(reason, known) {
			return true
		}
	}
	return false
}
