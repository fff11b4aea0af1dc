package event

import (
	"bytes"
	"encoding/json"
	"maps"
	"testing"
)

func headersOf(headers []Header) func(func(k, v []byte) bool) {
	return func(yield func(k, v []byte) bool) {
		for _, h := range headers {
			if !yield([]byte(h.Key), h.Value) {
				return
			}
		}
	}
}

// Whatever is an event has the same attributes at a glance.
func FuzzGlance(f *testing.F) {
	f.Add("ce_correlationid", []byte("1"), "content-type", []byte("Application/CloudEvents+JSON ; x"), []byte(head+`,"correlationid":"2"}`))
	f.Add("content-type", []byte("application/cloudevents+json"), "ce_type", []byte(nil), []byte(`{"id":`))
	f.Fuzz(func(t *testing.T, key1 string, value1 []byte, key2 string, value2, value []byte) {
		r := Record{Value: value, Headers: []Header{
			{"ce_specversion", []byte("1.0")}, {"ce_id", []byte("1")}, {"ce_source", []byte("/s")}, {"ce_type", []byte("t")}, {key1, value1}, {key2, value2},
		}}
		before := bytes.Clone(value)
		g := GlanceAt(headersOf(r.Headers), value)
		if !bytes.Equal(value, before) {
			t.Fatal("the value was changed")
		}
		e, err := FromRecord(&r)
		if err != nil {
			return
		}
		if string(g.ID) != e.ID || string(g.Source) != e.Source || string(g.Type) != e.Type || string(g.CorrelationID) != e.extension(CorrelationID) {
			t.Fatalf("%+v, of %q", e, g)
		}
	})
}

// Of any value that is an object, a glance shows the last texts that encoding/json
// finds; of anything else, nothing.
func FuzzGlanceAtJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"id":"1"}`, ` { "a" : [1,{"id":"x"},"]"] , "id":"\u0041\n\"", "id":"2" } `, `{"id":"\ud800"}`, `{"é":"ü","n":null,"t":true,"x":-1.5e3}`,
		`{"a":`, `{"a"`, `{"a":"\`, `{"a":"\"`, `[`, ``, `{"a":}`, `{"a":"b"}x`, `{"a":"b",}`, "{\"a\":\"\x00\"}", "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		g := GlanceAt(headersOf([]Header{{"content-type", []byte("application/cloudevents+json")}}), text)
		var all map[string]json.RawMessage
		if json.Unmarshal(text, &all) != nil || all == nil || bytes.Contains(text, []byte(`\u`)) || bytes.ContainsRune(text, '\ufffd') {
			return // escapes of half characters are left out here, and replaced there
		}
		want, got := map[string]string{}, map[string]string{}
		for name, v := range map[string][]byte{"id": g.ID, "type": g.Type, "source": g.Source, "correlationid": g.CorrelationID} {
			var s string
			if raw, ok := all[name]; ok && raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
				want[name] = s
				got[name] = string(v)
			}
		}
		if checkUTF8(text) == nil && isValue(append([]byte(nil), text...)) && !maps.Equal(got, want) {
			t.Fatalf("%q: %q, want %q", text, got, want)
		}
	})
}
