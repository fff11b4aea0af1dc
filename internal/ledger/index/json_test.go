package index

import (
	"bytes"
	"encoding/json"
	"maps"
	"testing"

	"github.com/evidentlog/evident/internal/log/batch"
)

// Of an object, members gives what encoding/json finds at its top level; of
// anything else it may give something, but never fails in another way.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"id":"1"}`, ` { "a" : [1,{"id":"x"},"]"] , "id":"\u0041\n\"", "id":"2" } `, `{"id":"\ud800"}`, `{"é":"ü","n":null,"t":true,"x":-1.5e3}`,
		`{"a":`, `{"a"`, `{"a":"\`, `{"a":"\"`, `[`, ``, `{"a":}`, `{"a":"b"}x`, `{"a":"b",}`, "{\"a\":\"\x00\"}", "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		got := map[string]string{}
		ok := members(text, func(name, value []byte) { got[string(name)] = string(value) })
		if !bytes.Equal(text, before) {
			t.Fatal("the text was changed")
		}
		var all map[string]json.RawMessage
		if json.Unmarshal(text, &all) != nil || all == nil {
			return
		}
		want := map[string]string{}
		for name, raw := range all {
			var s string
			if raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
				want[name] = s
			}
		}
		for name := range got { // a member that repeats, and is a string only before
			if _, isText := want[name]; !isText {
				delete(got, name)
			}
		}
		if !ok || !maps.Equal(got, want) {
			t.Fatalf("%q: %v %q, want %q", text, ok, got, want)
		}
	})
}

// Whatever headers and values are, collecting them and reading them as an event
// neither fails nor changes them.
func FuzzEventOf(f *testing.F) {
	f.Add("ce_id", []byte("1"), "content-type", []byte("Application/CloudEvents+JSON ; x"), []byte(`{"id":"2","type":"t"}`))
	f.Add("content-type", []byte("application/cloudevents+json"), "ce_type", []byte(nil), []byte(`{"id":`))
	f.Fuzz(func(t *testing.T, key1 string, value1 []byte, key2 string, value2, value []byte) {
		var h batch.Headers
		h = h.Append(key1, value1).Append(key2, value2)
		e := EventOf(h.All(), value)
		c := (&Index{secret: secret{1, 2}}).Collector()
		c.Record(7, -1, value1, value, h)
		it := c.items[0]
		for field := ID; field < Field(fields); field++ {
			v := e.ByField(field)
			if has := it.has&(1<<field) != 0; has != (v != nil) || has && it.hashes[field] != c.secret.hash(field, v) {
				t.Fatalf("field %d: %q, collected %+v", field, v, it)
			}
		}
	})
}

// A block is read as it was written, or refused.
func FuzzHeader(f *testing.F) {
	good := make([]byte, contentSize)
	h := header{first: 5, next: 9, base: 6, records: 2, counts: [fields]int64{2, 1, 0, 0}, zones: 1}
	h.append(good)
	f.Add(good[:80])
	f.Fuzz(func(t *testing.T, start []byte) {
		page := make([]byte, contentSize)
		copy(page, start)
		h, err := parseHeader(page)
		if err != nil {
			return
		}
		again := make([]byte, contentSize)
		h.append(again)
		if !bytes.Equal(again[:80], page[:80]) || h.start(Field(fields)) > 1<<20 {
			t.Fatalf("%+v", h)
		}
	})
}
