package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"
)

const envelope = `{"meta":{"eventId":12345678901,"eventType":"OrderPlaced","timestamp":1700000000.25,"v":2,"a/b~":["x",{"y":true}],"none":null},"data":{"order":"1"}}`

// shop maps envelope.
func shop() Mapping {
	return Mapping{
		Attributes: map[string]From{
			"id": {Pointer: "/meta/eventId"}, "type": {Pointer: "/meta/eventType"}, "time": {Pointer: "/meta/timestamp"}, "source": {Value: "/shop"},
			"schemaversion": {Pointer: "/meta/v"}, "flag": {Pointer: "/meta/a~1b~0/1/y"}, "first": {Pointer: "/meta/a~1b~0/0"},
			"subject": {Pointer: "/meta/none", Optional: true}, "region": {Pointer: "/meta/region", Value: "eu"},
		},
		TimeFormat: UnixSeconds,
		Data:       "/data",
	}
}

func TestAnEnvelopeOfOthersIsMapped(t *testing.T) {
	m := shop()
	c, err := m.Compile()
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.Map([]byte(envelope), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Event{ID: "12345678901", Type: "OrderPlaced", Source: "/shop", Time: "2023-11-14T22:13:20.25Z", DataContentType: "application/json", Data: []byte(`{"order":"1"}`)}
	want.SetExtension("schemaversion", Integer(2))
	want.SetExtension("flag", Boolean(true))
	want.SetExtension("first", String("x"))
	want.SetExtension("region", String("eu"))
	if !e.Equal(&want) {
		t.Fatalf("%+v", e)
	}
	if v, _ := e.Extension("schemaversion"); v.Kind() != KindInteger {
		t.Errorf("%v", v.Kind())
	}
}

func TestWhatAMappedEventLacksIsStamped(t *testing.T) {
	m := Mapping{Attributes: map[string]From{"type": {Value: "t"}, "id": {Pointer: "/id", Optional: true}}}
	c, err := m.Compile()
	if err != nil {
		t.Fatal(err)
	}
	s := stamper(t, func() time.Time { return time.Unix(0, 0) }, bytes.NewReader(make([]byte, 8)))
	e, err := c.Map([]byte(` [1] `), s)
	if err != nil || e.Source != "/stamped" || e.Time != "1970-01-01T00:00:00Z" || e.ID == "" || string(e.Data) != "[1]" {
		t.Fatalf("%+v, %v", e, err)
	}
	if _, err := c.Map([]byte(`{}`), nil); !errors.Is(err, ErrInvalid) {
		t.Fatalf("without a stamper: %v", err)
	}
}

func TestTimesOfEnvelopes(t *testing.T) {
	for _, tc := range []struct {
		format     TimeFormat
		text, want string // empty if it is refused
	}{
		{"", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"}, {RFC3339, "5", ""},
		{UnixSeconds, "0", "1970-01-01T00:00:00Z"}, {UnixSeconds, "1.5", "1970-01-01T00:00:01.5Z"}, {UnixSeconds, "-1.5", "1969-12-31T23:59:58.5Z"},
		{UnixSeconds, "-0.5", "1969-12-31T23:59:59.5Z"}, {UnixSeconds, "1.1234567899", "1970-01-01T00:00:01.123456789Z"}, {UnixSeconds, "1e9", ""}, {UnixSeconds, "1.x", ""},
		{UnixSeconds, "1700000000000", ""}, {UnixSeconds, "", ""}, {UnixSeconds, "+1", ""},
		{UnixMillis, "1700000000123", "2023-11-14T22:13:20.123Z"}, {UnixMillis, "1.5", ""}, {UnixMillis, "9223372036854775807", ""},
		{UnixMicros, "1700000000123456", "2023-11-14T22:13:20.123456Z"}, {UnixMicros, "9223372036854775808", ""},
	} {
		got, reason := tc.format.read(tc.text)
		if (reason == "") != (tc.want != "") || reason == "" && got != tc.want {
			t.Errorf("%s %q: %q %s; want %q", tc.format, tc.text, got, reason, tc.want)
		}
	}
}

func TestMappingsAreRefusedWithTheReason(t *testing.T) {
	for want, change := range map[string]func(*Mapping){
		`format "iso"`:                  func(m *Mapping) { m.TimeFormat = "iso" },
		`"data" is no JSON pointer`:     func(m *Mapping) { m.Data = "data" },
		`"/~2" is no JSON pointer`:      func(m *Mapping) { m.Attributes["id"] = From{Pointer: "/~2"} },
		`"/a~" is no JSON pointer`:      func(m *Mapping) { m.Attributes["id"] = From{Pointer: "/a~"} },
		`attribute id: it has neither`:  func(m *Mapping) { m.Attributes["id"] = From{Optional: true} },
		`nothing says what the attr`:    func(m *Mapping) { delete(m.Attributes, "type") },
		`always 1.0`:                    func(m *Mapping) { m.Attributes["specversion"] = From{Value: "1.0"} },
		`"eventId" is not a name`:       func(m *Mapping) { m.Attributes["eventId"] = From{Value: "1"} },
		`source "a b" is no URI-refere`: func(m *Mapping) { m.Attributes["source"] = From{Value: "a b"} },
	} {
		m := shop()
		change(&m)
		_, err := m.Compile()
		mustContain(t, err, want)
	}
}

func TestDocumentsAreRefusedWithTheReason(t *testing.T) {
	m := shop()
	c, err := m.Compile()
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) string {
		return string(bytes.Replace([]byte(envelope), []byte(old), []byte(new), 1))
	}
	for _, tc := range []struct{ text, want string }{
		{replace(`"eventId":12345678901,`, ``), "id is missing: nothing is at /meta/eventId"},
		{replace(`12345678901`, `""`), "id is empty, at /meta/eventId"},
		{replace(`12345678901`, `{}`), "id is an object or an array, at /meta/eventId"},
		{replace(`12345678901`, `"\ud800"`), "half a character"},
		{replace(`12345678901`, `"\n"`), "U+000A"},
		{replace(`"v":2`, `"eventId":2`), `"eventId" is given twice`},
		{replace(`1700000000.25`, `"now"`), `time "now" is no time as unix writes it, at /meta/timestamp`},
		{replace(`"data"`, `"dat"`), "data is missing: nothing is at /data"},
		{replace(`{"order":"1"}}`, `1}`+"\xff"), "not UTF-8"},
		{replace(`{"order":"1"}}`, `1}}`), "follows the end"},
		{`{`, "ends too early"},
		{`5`, "is missing"},
	} {
		_, err := c.Map([]byte(tc.text), nil)
		mustContain(t, err, tc.want)
	}
}

func TestPointers(t *testing.T) {
	const text = ` {"":0,"a":[10,[20]],"e":[],"m~n":3,"a/b":4,"\u0071":5} `
	for p, want := range map[string]string{
		"": text[1 : len(text)-1], "/": "0", "/a/0": "10", "/a/1/0": "20", "/a/1": "[20]", "/m~0n": "3", "/a~1b": "4", "/q": "5",
		"/a/2": "", "/a/01": "", "/a/-": "", "/a/-1": "", "/e/0": "", "/x": "", "/a/0/0": "", "/~01": "",
	} {
		ptr, err := parsePointer(p)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ptr.find([]byte(text)); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v; want %q", p, got, err, want)
		}
	}
}

// Of any text and pointer: nothing fails but with an error, and what is found is what
// encoding/json finds.
func FuzzMap(f *testing.F) {
	f.Add([]byte(envelope), "/meta/eventId")
	f.Add([]byte(`[[1]]`), "/0/0")
	f.Fuzz(func(t *testing.T, text []byte, p string) {
		m := Mapping{Attributes: map[string]From{"type": {Value: "t"}, "id": {Pointer: p}, "source": {Value: "/"}}, Data: p}
		c, err := m.Compile()
		if err != nil {
			return
		}
		e, err := c.Map(text, nil)
		if err != nil {
			return
		}
		if e.Validate() != nil || !json.Valid(e.Data) || !bytes.Contains(text, e.Data) {
			t.Fatalf("%+v", e)
		}
	})
}
