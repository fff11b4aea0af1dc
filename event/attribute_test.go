package event

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	for text, want := range map[Timestamp]string{
		"2018-04-05T17:31:00Z":                   "2018-04-05T17:31:00Z",
		"2018-04-05t17:31:00.12z":                "2018-04-05T17:31:00.12Z",
		"2018-04-05T17:31:00.123456789999+01:30": "2018-04-05T17:31:00.123456789+01:30",
		"2016-12-31T23:59:60Z":                   "2017-01-01T00:00:00Z",
		"2017-01-01T00:59:60+01:00":              "2017-01-01T01:00:00+01:00",
		"2024-02-29T00:00:00-00:00":              "2024-02-29T00:00:00Z",
		"0000-01-01T00:00:00Z":                   "0000-01-01T00:00:00Z",
	} {
		got, err := text.Time()
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []Timestamp{
		"", "2018", "2018-04-05", "2018-04-05T17:31:00", "2018-04-05 17:31:00Z", "2018-04-05T17:31Z", "2018-4-05T17:31:00Z",
		"2018-04-31T00:00:00Z", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2018-13-01T00:00:00Z", "2018-00-01T00:00:00Z", "2018-01-00T00:00:00Z",
		"2018-01-01T24:00:00Z", "2018-01-01T00:60:00Z", "2018-01-01T00:00:60Z", "2018-01-01T23:59:61Z", "2016-12-31T23:59:60+01:00",
		"2018-01-01T00:00:00.Z", "2018-01-01T00:00:00,5Z", "2018-01-01T00:00:00+1:00", "2018-01-01T00:00:00+24:00", "2018-01-01T00:00:00+00:60",
		"2018-01-01T00:00:00+0100", "2018-01-01T00:00:00ZZ", "2018-01-01T00:00:00", "+2018-01-01T00:00:00Z", "12018-01-01T00:00:00Z",
	} {
		if _, err := text.Time(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	if got, err := At(at).Time(); err != nil || !got.Equal(at) {
		t.Errorf("%v, %v", got, err)
	}
}

// What RFC 3339 allows to Go's own parser is allowed here, and means the same.
func FuzzTime(f *testing.F) {
	f.Add("2018-04-05T17:31:00.5Z")
	f.Add("2018-04-05T17:31:00+01:00")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Timestamp(text).Time()
		want, wantErr := time.Parse(time.RFC3339, text)
		if wantErr == nil && !strings.Contains(text, ",") && (err != nil || !got.Equal(want)) {
			t.Fatalf("%q: %v, %v; want %v", text, got, err, want)
		}
		if err == nil && wantErr != nil && !strings.ContainsAny(text, "tz") && !strings.Contains(text, ":60") {
			t.Fatalf("%q: %v", text, wantErr)
		}
	})
}

func TestURIs(t *testing.T) {
	for _, s := range []string{
		"a", "/", "/a/b", "?q", "#f", "", "//", "https://example.com:80/a;b=c?d=/?#e?f", "https://user:pw@[2001:db8::1]:443/", "mailto:a@example.com",
		"urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "1-555-123-4567", "a/b:c", "./a:b", "%C3%A9", "file:///a", "tag:x,2026:y", "https://example.com:",
	} {
		if fault := referenceFault(s); fault != "" {
			t.Errorf("%q %s", s, fault)
		}
	}
	for s, want := range map[string]string{
		"a b": "' ' at byte 1", "é": "at byte 0", "%": "byte 0", "a%2": "byte 1", "%zz": "byte 0", "1a:b": "colon", ":a": "colon", "a#b#c": "'#' at byte 3",
		"a\x00": "byte 1", "/a[b]": "'['", "https://[::1": "brackets", "https://[]/": "brackets", "https://[::1]a/": "between", "https://a]b/": "bracket",
		"https://example.com:80a/": "port", "https://a@b@c/": "at sign", "https://a/b?c[d]": "'['", `\a`: "byte 0", "<a>": "byte 0", "https://a b/": "byte 9",
	} {
		if fault := referenceFault(s); !strings.Contains(fault, want) {
			t.Errorf("%q %s; want %q", s, fault, want)
		}
	}
	if uriFault("a:b") != "" || uriFault("/a") == "" || uriFault("1:a") == "" {
		t.Error("a URI has a scheme")
	}
}

// A URI-reference as it should be is also one for package net/url, which lets more
// through.
func FuzzURIReference(f *testing.F) {
	for _, s := range []string{"https://example.com:80/a;b=c?d#e", "//[::1]:1/", "a/b:c", "%C3", "x:@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if referenceFault(s) != "" {
			return
		}
		if _, err := url.Parse(s); err != nil && !strings.ContainsAny(s, "[]%@:") { // hosts that are no address, userinfo
			t.Fatalf("%q: %v", s, err)
		}
	})
}

func TestMediaTypes(t *testing.T) {
	for _, s := range []string{
		"application/json", "text/plain; charset=utf-8", "TEXT/Plain;CharSet=utf-8", `a/b;c="d;\"e"`, "a/b ; c=d ;e=f", "a/b;", "application/vnd.x+json;v=1",
	} {
		if fault := mediaFault(s); fault != "" {
			t.Errorf("%q %s", s, fault)
		}
	}
	for _, s := range []string{"a", "a/", "/b", "a/b c", "a/b;c", "a/b;c=", `a/b;c="d`, `a/b;c="d\`, "a/b;=d", "a/b/c", "é/b", "a/b;c=d e", "a/b\x00", `a/b;c="` + "\x00\"",
		"a/b;c=\"\\\r\\\nd\"", "a/b;c=\"\xff\"", "a/b;c=\"\u0085\"",
	} {
		if mediaFault(s) == "" {
			t.Errorf("%q is let through", s)
		}
	}
	for s, want := range map[string]bool{
		"application/json": true, "Text/JSON; a=b": true, "a/b+json": true, "a/b+Json ;x": true, "a/jsonx": false, "": false, "json": true, "a/b;c=+json": false,
	} {
		if s != "json" && IsJSON(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
	for s, want := range map[string]Mode{
		"": ModeBinary, "application/json": ModeBinary, "Application/CloudEvents+JSON ; charset=UTF-8": ModeStructured, "application/cloudevents-batch+json": ModeBatch,
		"application/cloudevents": ModeUnknown, "application/cloudevents+avro": ModeUnknown, `application/cloudevents+json;charset="utf-16"`: ModeUnknown,
	} {
		if ModeOf(s) != want {
			t.Errorf("%q: %v, want %v", s, ModeOf(s), want)
		}
	}
}

func TestTexts(t *testing.T) {
	for _, s := range []string{"", "a", "é€😀", "\u00a0", "\U0010fffd", "\ufffd"} {
		if fault := textFault(s); fault != "" {
			t.Errorf("%q %s", s, fault)
		}
	}
	for s, want := range map[string]string{
		"a\n": "U+000A at byte 1", "\x7f": "U+007F", "é\u0085": "U+0085 at byte 2", "\ufffe": "U+FFFE", "\ufdd0": "U+FDD0", "\U0010ffff": "U+10FFFF", "a\xff": "byte 1", "\xed\xa0\x80": "UTF-8",
	} {
		if fault := textFault(s); !strings.Contains(fault, want) {
			t.Errorf("%q %s; want %q", s, fault, want)
		}
	}
}

func TestValuesAreOfTheirTypes(t *testing.T) {
	for name, v := range map[string]Value{
		"Boolean": {"TRUE", KindBoolean}, "Integer": {"+5", KindInteger}, "Integer, large": {"2147483648", KindInteger}, "Integer, empty": {"", KindInteger}, "Binary": {"a", KindBinary},
		"URI": URI("/a"), "URI-reference": URIReference("a b"), "Timestamp": Time("x"), "String": String("\x00"), "unknown": {"a", 9},
	} {
		e := valid()
		e.SetExtension("x", v)
		var wrong *AttributeError
		if err := e.Validate(); !errors.As(err, &wrong) || wrong.Attribute != "x" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := String("-5").Int(); err != nil || n != -5 {
		t.Error(n, err)
	}
	if b, err := String("true").Bool(); err != nil || !b {
		t.Error(b, err)
	}
	if b, err := Binary([]byte{1, 2}).Bytes(); err != nil || string(b) != "\x01\x02" {
		t.Error(b, err)
	}
	if _, err := String("x").Bool(); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}

func TestAnErrorNamesTheAttributeAndItsValue(t *testing.T) {
	for want, change := range map[string]func(*Event){
		"id is missing":               func(e *Event) { e.ID = "" },
		"source is missing":           func(e *Event) { e.Source = "" },
		"type is missing":             func(e *Event) { e.Type = "" },
		`source "a b" is no URI-ref`:  func(e *Event) { e.Source = "a b" },
		`time "now" is no time`:       func(e *Event) { e.Time = "now" },
		`dataschema "/a" is no URI`:   func(e *Event) { e.DataSchema = "/a" },
		`datacontenttype "x" is no m`: func(e *Event) { e.DataContentType = "x" },
		`A is not a name`:             func(e *Event) { e.SetExtension("A", String("")) },
		`data is not a name`:          func(e *Event) { e.SetExtension("data", String("")) },
		`type "x" is an attribute of`: func(e *Event) { e.SetExtension("type", String("x")) },
		`partitionkey is empty`:       func(e *Event) { e.SetExtension(PartitionKey, String("")) },
		`dataref "a b" is no URI-ref`: func(e *Event) { e.SetExtension(DataRef, String("a b")) },
		`…" has the control`:          func(e *Event) { e.ID = strings.Repeat("é", 1000) + "\x00" },
	} {
		e := valid()
		change(&e)
		mustContain(t, e.Validate(), want)
	}
}

// What is done to a copy does not show in the other.
func TestCopiesAreTheirOwn(t *testing.T) {
	a := valid()
	for _, name := range []string{"b", "d", "a", "c"} {
		a.SetExtension(name, String(name))
	}
	b := a
	b.SetExtension("b", String("x"))
	b.RemoveExtension("a")
	b.SetExtension("e", Integer(1))
	var names, values string
	for name, v := range a.Extensions() {
		names, values = names+name, values+v.String()
	}
	if names != "abcd" || values != "abcd" {
		t.Fatal(names, values)
	}
	names, values = "", ""
	for name, v := range b.Extensions() {
		names, values = names+name, values+v.String()
	}
	if names != "bcde" || values != "xcd1" || a.Equal(&b) {
		t.Fatal(names, values)
	}
}

func TestAttributesByName(t *testing.T) {
	e := valid()
	e.Time = "2026-01-02T03:04:05Z"
	e.SetExtension("x", Integer(5))
	var all []string
	for name, v := range e.Attributes() {
		got, ok := e.Attribute(name)
		if !ok || got != v {
			t.Errorf("%s: %v, %v", name, got, v)
		}
		all = append(all, name+"="+v.String()+" "+v.Kind().String())
	}
	want := "specversion=1.0 String,id=1 String,source=/s URI-reference,type=t String,time=2026-01-02T03:04:05Z Timestamp,x=5 Integer"
	if strings.Join(all, ",") != want {
		t.Errorf("%q", all)
	}
	if _, ok := e.Attribute("subject"); ok {
		t.Error("it has a subject")
	}
}

func TestAdvice(t *testing.T) {
	e := Event{ID: "1", Source: "https://example.com", Type: "t"}
	if advice := e.Advice(); advice != nil {
		t.Error(advice)
	}
	e.Source, e.Data = "/s", make([]byte, SafeSize)
	e.SetExtension("1"+strings.Repeat("a", 20), String(""))
	if advice := e.Advice(); len(advice) != 4 {
		t.Errorf("%q", advice)
	}
}
