package dedup

import (
	"bytes"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What is a key expression stays one as it was written, and the same record has the same
// id by it twice, whatever it has in it. What is none is refused at a place in it.
func FuzzParseKey(f *testing.F) {
	for _, text := range []string{DefaultKey, "key", `header:"a b+\"\\"+ce:id`, "data:/a~1b/0 + data:", "ce:", `header:"`, "keys", "+"} {
		f.Add(text, []byte(`{"id":"1","source":"s","specversion":"1.0","type":"t","data":{"a/b":[7]}}`))
	}
	f.Fuzz(func(t *testing.T, text string, value []byte) {
		k, err := ParseKey(text)
		if err != nil {
			var wrong *KeyError
			if !errors.As(err, &wrong) || wrong.At < 0 || wrong.At > len(text) || !errors.Is(err, ErrKey) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := ParseKey(k.String())
		if err != nil || k.String() != text {
			t.Fatalf("%q became %q: %v", text, k, err)
		}
		r := &kgo.Record{Key: []byte("k"), Value: value, Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/cloudevents+json")}}}
		var buffer []byte
		one, ok := k.ID(r, &buffer)
		if two, also := again.ID(r, &buffer); one != two || ok != also {
			t.Fatalf("%q finds %x %t, and then %x %t", text, one, ok, two, also)
		}
	})
}

// What is read of the tail is written again as it was.
func FuzzParseTail(f *testing.F) {
	f.Add([]byte{5}, appendTail(nil, kept{number: 69, at: 1 << 40}))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		k, err := parseTail(key, value)
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(appendTailKey(nil, k.number), key) || !bytes.Equal(appendTail(nil, k), value) {
			t.Fatalf("%x %x is read as %+v", key, value, k)
		}
	})
}

// A block has 64 ids, whose numbers follow one another and whose times do not go back;
// written again, it is read as the same.
func FuzzParseBlock(f *testing.F) {
	ids := make([]kept, blockLen)
	for i := range ids {
		ids[i] = kept{number: 64 + uint64(i), at: 1<<40 + int64(i*i)}
	}
	f.Add(appendBlockKey(nil, 1), appendBlock(nil, ids))
	f.Add(appendBlockKey(nil, 1<<63), appendBlock(nil, ids))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		ids, block, err := readBlock(key, value)
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Fatal(err)
			}
			return
		}
		for i, k := range ids {
			if k.number != block*blockLen+uint64(i) || i > 0 && k.at < ids[i-1].at {
				t.Fatalf("id %d is %+v", i, k)
			}
		}
		again, _, err := readBlock(key, appendBlock(nil, ids))
		if err != nil || len(ids) != blockLen {
			t.Fatalf("%d ids, written again: %v", len(ids), err)
		}
		for i := range ids {
			if ids[i] != again[i] {
				t.Fatalf("%+v became %+v", ids[i], again[i])
			}
		}
	})
}

func readBlock(key, value []byte) (ids []kept, block uint64, err error) {
	block, err = parseBlock(key, value, func(k kept) { ids = append(ids, k) })
	return ids, block, err
}
