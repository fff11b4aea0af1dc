package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// seeds are events in JSON, and what is nearly one.
var seeds = []string{
	string(order), head + `}`, head + `,"data":null}`, head + `,"data_base64":"AA=="}`, head + `,"x":-0,"y":true,"subject":"\ud83d\ude00\/"}`,
	head + `,"datacontenttype":"text/plain","data":"\u0000"}`, `{`, `{}`, `{"a":"\`, head + ` , "data" : [ {} , [ ] , 1e+5 ] } `, `[` + head + `},` + head + `}]`,
}

// Of any text: what is taken for an event is JSON for encoding/json as well, with the
// same members; it is valid, the text is left alone, and the event is read again from
// what is written.
func FuzzParseJSON(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		e, err := ParseJSON(text)
		if !bytes.Equal(text, before) {
			t.Fatal("the text was changed")
		}
		if err != nil {
			if errors.Is(err, ErrInvalid) == errors.Is(err, ErrSyntax) {
				t.Fatalf("%v is both, or neither", err)
			}
			if errors.Is(err, ErrInvalid) && !json.Valid(text) {
				t.Fatalf("%v, but it is no JSON", err)
			}
			return
		}
		compare(t, text, &e)
		again, err := throughJSON(nil, e)
		if err != nil || !again.Equal(&e) {
			t.Fatalf("%+v, read again %+v, %v", e, again, err)
		}
	})
}

// compare looks whether encoding/json finds the same attributes.
func compare(t *testing.T, text []byte, e *Event) {
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	want, got := map[string]string{}, map[string]string{}
	for name, v := range members {
		if s, ok := v.(string); ok && name != memberData && name != memberBase64 {
			want[name] = s
		}
	}
	for name, v := range e.Attributes() {
		if v.Kind() != KindBoolean && v.Kind() != KindInteger {
			got[name] = v.String()
		}
	}
	if want[attrContentType] == "" {
		delete(got, attrContentType) // that of data is implied
	}
	if !maps.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
}

// Of any text: a batch gives the same events in one piece and byte by byte, and an
// event only where encoding/json sees JSON.
func FuzzBatchReader(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte("[" + s + "," + s + "]"))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		limits := Limits{EventBytes: 600, Events: 10}
		ids, bad, data, err := readAll(NewBatchReader(bytes.NewReader(text), limits).Next)
		ids2, bad2, data2, err2 := readAll(NewBatchReader(iotest.OneByteReader(bytes.NewReader(text)), limits).Next)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("%v in one piece, %v in bytes", err, err2)
		}
		if err != nil {
			return // how much is found before that depends on the pieces
		}
		if !json.Valid(text) || len(ids) != len(ids2) || len(bad) != len(bad2) || len(data) != len(data2) {
			t.Fatalf("%q, %v and %q, %v", ids, bad, ids2, bad2)
		}
		for i := range ids {
			if ids[i] != ids2[i] || !bytes.Equal(data[i], data2[i]) {
				t.Fatalf("event %d: %q %q and %q %q", i, ids[i], data[i], ids2[i], data2[i])
			}
		}
	})
}

// Of any value of an HTTP header that is UTF-8: so is what it stands for, and written
// and read again that is the same.
func FuzzHeaderValue(f *testing.F) {
	for _, s := range []string{"a", "%41", `"a\"b"`, "%", "%e2%82%ac", "%ff", "\xff", `"`, "a b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		text, reason := decoded(value)
		if reason != "" || !utf8.ValidString(value) {
			return
		}
		if !utf8.ValidString(text) {
			t.Fatalf("%q gives %q", value, text)
		}
		again, reason := decoded(encoded(text))
		if reason != "" || again != text || strings.ContainsFunc(encoded(text), func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' }) {
			t.Fatalf("%q gives %q, and that %q", value, text, again)
		}
	})
}

// Of any headers: what is taken for an event is written and read again the same,
// and has a form in JSON.
func FuzzRecord(f *testing.F) {
	f.Add("ce_x", []byte("1"), "content-type", []byte("Application/CloudEvents+JSON ; x"), []byte(head+"}"))
	f.Add("ce_time", []byte("2026-01-02T03:04:05Z"), "traceparent", []byte("00-a"), []byte("x"))
	f.Fuzz(func(t *testing.T, key1 string, value1 []byte, key2 string, value2, value []byte) {
		r := Record{Value: value, Headers: []Header{
			{"ce_specversion", []byte("1.0")}, {"ce_id", []byte("1")}, {"ce_source", []byte("/s")}, {"ce_type", []byte("t")}, {key1, value1}, {key2, value2},
		}}
		e, err := FromRecord(&r)
		if err != nil {
			return
		}
		again, err := throughRecord(nil, e)
		if err != nil || !again.Equal(&e) {
			t.Fatalf("%+v, again %+v, %v", e, again, err)
		}
		if _, err = throughJSON(nil, e); err != nil {
			t.Fatal(err)
		}
	})
}

// What a pointer finds in a text is what encoding/json has there: the string, or the
// number, true or false as it is written.
func FuzzPointer(f *testing.F) {
	for _, p := range []string{"", "/", "/a", "/a/0", "/a~1b/~0", "/data/id", "a", "/~", "/a/-1", "/a/00"} {
		f.Add(p, []byte(`{"a":[1.50,{"":"x"}],"a/b":{"~":true},"data":{"id":"\u00e9\n"},"":"empty"}`))
	}
	f.Fuzz(func(t *testing.T, text string, value []byte) {
		p, err := ParsePointer(text)
		if err != nil {
			return
		}
		before := bytes.Clone(value)
		found, ok := p.Text(value)
		if !bytes.Equal(value, before) {
			t.Fatal("the text was changed")
		}
		if !ok || !utf8.Valid(value) || !utf8.ValidString(text) {
			return
		}
		if want, ok := walk(t, value, text); !ok || want != string(found) {
			t.Fatalf("%q in %s is %q, want %q", text, value, found, want)
		}
	})
}

// walk finds what a pointer points to, by encoding/json.
func walk(t *testing.T, value []byte, pointer string) (string, bool) {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var at any
	if err := d.Decode(&at); err != nil {
		t.Fatalf("found in what is no JSON: %v", err)
	}
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch v := at.(type) {
		case map[string]any:
			at = v[token]
		case []any:
			n, err := strconv.Atoi(token)
			if err != nil || n < 0 || n >= len(v) {
				return "", false
			}
			at = v[n]
		default:
			return "", false
		}
	}
	switch v := at.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
