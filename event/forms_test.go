package event

import (
	"bytes"
	"errors"
	"net/http"
	"testing"

	"pgregory.net/rapid"
)

// An event comes out of every form as it went in.
func TestEveryFormGivesBackTheEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvent(t)
		for name, form := range map[string]func(*rapid.T, Event) (Event, error){
			"JSON": throughJSON, "line": throughLine, "record": throughRecord, "structured record": throughStructuredRecord,
			"HTTP": throughHTTP, "MQTT": throughMQTT, "structured MQTT": throughStructuredMQTT,
		} {
			got, err := form(t, e)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			want := e
			if len(e.Data) == 0 && (name == "HTTP" || name == "MQTT") {
				want.Data = nil // an empty body is none
			}
			if name == "line" {
				want.Data, got.Data = bytes.ReplaceAll(e.Data, []byte("\n"), nil), bytes.ReplaceAll(got.Data, []byte("\n"), nil)
			}
			if !got.Equal(&want) {
				t.Fatalf("%s: %+v, want %+v", name, got, want)
			}
		}
	})
}

func throughJSON(_ *rapid.T, e Event) (Event, error) {
	text, err := e.AppendJSON(nil)
	if err != nil {
		return e, err
	}
	return ParseJSON(text)
}

func throughLine(_ *rapid.T, e Event) (Event, error) {
	text, err := e.AppendLine(nil)
	if err != nil {
		return e, err
	}
	return NewLineReader(bytes.NewReader(text), Limits{}).Next()
}

func throughRecord(t *rapid.T, e Event) (Event, error) {
	r, err := e.Record()
	if err != nil {
		return e, err
	}
	return FromRecord(&r)
}

func throughStructuredRecord(_ *rapid.T, e Event) (Event, error) {
	r, err := e.StructuredRecord()
	if err != nil {
		return e, err
	}
	return FromRecord(&r)
}

func throughHTTP(t *rapid.T, e Event) (Event, error) {
	h := http.Header{"Ce-Old": {"x"}, "Other": {"y"}}
	if err := e.SetHTTP(h); err != nil {
		return e, err
	}
	for key, values := range h {
		for _, c := range []byte(values[0]) {
			if key != httpContentType && c != '%' && mustEncode(c) {
				t.Fatalf("header %s: %q", key, values[0])
			}
		}
	}
	if h.Get("Other") != "y" {
		t.Fatal("SetHTTP took a header that is not its own")
	}
	return FromHTTP(h, e.Data)
}

func throughMQTT(_ *rapid.T, e Event) (Event, error) {
	m, err := e.MQTT()
	if err != nil {
		return e, err
	}
	return FromMQTT(&m)
}

func throughStructuredMQTT(_ *rapid.T, e Event) (Event, error) {
	m, err := e.StructuredMQTT()
	if err != nil {
		return e, err
	}
	return FromMQTT(&m)
}

// What HTTP's headers are not used to: names in any case, quoted values of older
// senders, needless percent-encoding.
func TestHTTPHeadersOfOthersAreRead(t *testing.T) {
	base := []string{"ce-specversion", "1.0", "ce-type", "t", "ce-source", "/s"}
	for value, want := range map[string]string{
		`Euro%20%E2%82%AC%20%F0%9F%98%80`: "Euro € 😀",
		`%41%e2%82%ac`:                    "A€",
		`"a \"b\" \\"`:                    `a "b" \`,
		`"a"b "%20"`:                      "ab  ",
		`a  b`:                            "a  b",
		`%2541`:                           "%41",
	} {
		e, err := FromHTTP(header(append(base, "cE-Id", value)...), nil)
		if err != nil || e.ID != want {
			t.Errorf("%q: %q, %v; want %q", value, e.ID, err, want)
		}
	}
	e, err := FromHTTP(http.Header{"ce-specversion": {"1.0"}, "CE-ID": {"1"}, "cE-sOurce": {"s"}, "Ce-TYPE": {"t"}}, nil)
	if err != nil || e.ID != "1" {
		t.Errorf("headers in their own case: %+v, %v", e, err)
	}
}

func TestHTTPMessagesAreRefusedWithTheReason(t *testing.T) {
	base := []string{"Ce-Specversion", "1.0", "Ce-Type", "t", "Ce-Source", "/s"}
	for _, tc := range []struct {
		header http.Header
		want   string
		is     error
	}{
		{header(append(base, "Ce-Id", "%C0%A0")...), "not of UTF-8", ErrInvalid},
		{header(append(base, "Ce-Id", "a%2")...), "percent sign at byte 1", ErrInvalid},
		{header(append(base, "Ce-Id", `"a`)...), "not closed", ErrInvalid},
		{header(append(base, "Ce-Id", `"a\`)...), "backslash", ErrInvalid},
		{header(append(base, "Ce-Id", "%0A")...), "U+000A", ErrInvalid},
		{header(append(base, "Ce-Id", "1", "Ce-Id", "2")...), "id \"2\" is given twice", ErrInvalid},
		{header(append(base, "Ce-Id", "1", "Ce-Datacontenttype", "text/plain")...), "header Content-Type", ErrInvalid},
		{header(append(base, "Ce-Id", "1", "Ce-Foo-Bar", "x")...), "foo-bar is not a name", ErrInvalid},
		{header(append(base, "Ce-Id", "1", "Ce-Data", "x")...), "data is not a name", ErrInvalid},
		{header(append(base, "Ce-Id", "1", "Content-Type", "a/b", "Content-Type", "c/d")...), "twice", ErrInvalid},
		{header(append(base, "Ce-Id", "1", "Content-Type", "text")...), "no media type", ErrInvalid},
		{header(base...), "id is missing", ErrInvalid},
		{header("Ce-Id", "1", "Ce-Type", "t", "Ce-Source", "/s"), "ce-specversion", ErrNotEvent},
		{header(append(base, "Ce-Id", "")...), "id is empty", ErrInvalid},
		{header("Ce-Specversion", "0.3", "Ce-Id", "1"), `"0.3" is not 1.0`, ErrInvalid},
		{header("Content-Type", "application/cloudevents+avro"), "application/cloudevents+avro", ErrFormat},
		{header("Content-Type", "application/cloudevents+json; charset=utf-16"), "utf-16", ErrFormat},
		{header("Content-Type", "application/cloudevents-batch+json"), "batch", ErrFormat},
	} {
		_, err := FromHTTP(tc.header, []byte("x"))
		mustContain(t, err, tc.want)
		if !errors.Is(err, tc.is) {
			t.Errorf("%v: it is not %v", err, tc.is)
		}
	}
}

func TestRecordsAreRefusedWithTheReason(t *testing.T) {
	base := []Header{{"ce_specversion", []byte("1.0")}, {"ce_id", []byte("1")}, {"ce_source", []byte("/s")}, {"ce_type", []byte("t")}}
	for _, tc := range []struct {
		more []Header
		want string
		is   error
	}{
		{[]Header{{"ce_id", []byte("2")}}, "id \"2\" is given twice", ErrInvalid},
		{[]Header{{"ce_x", nil}, {"ce_x", nil}}, "x is given twice", ErrInvalid},
		{[]Header{{"ce_Foo", nil}}, "Foo is not a name", ErrInvalid},
		{[]Header{{"ce_time", []byte("yesterday")}}, `time "yesterday"`, ErrInvalid},
		{[]Header{{"ce_x", []byte{0xff}}}, "not UTF-8", ErrInvalid},
		{[]Header{{"content-type", []byte("a/b")}, {"ce_datacontenttype", []byte("c/d")}}, `"a/b"`, ErrInvalid},
		{[]Header{{"content-type", []byte("a/b")}, {"content-type", []byte("a/b")}}, "given twice", ErrInvalid},
		{[]Header{{"content-type", []byte("application/cloudevents+protobuf")}}, "protobuf", ErrFormat},
		{[]Header{{"content-type", []byte("application/cloudevents+json")}}, "byte 0", ErrSyntax},
	} {
		_, err := FromRecord(&Record{Headers: append(base[:4:4], tc.more...), Value: []byte("x")})
		mustContain(t, err, tc.want)
		if !errors.Is(err, tc.is) {
			t.Errorf("%v: it is not %v", err, tc.is)
		}
	}
	if _, err := FromRecord(&Record{Headers: base[1:]}); !errors.Is(err, ErrNotEvent) {
		t.Errorf("a record without version: %v", err)
	}
}

// A record without value is an event without data, and the other way round: it is a
// tombstone where a topic is compacted.
func TestNoDataIsNoValue(t *testing.T) {
	for _, data := range [][]byte{nil, {}} {
		e := valid()
		e.Data = data
		r, err := e.Record()
		if err != nil || (r.Value == nil) != (data == nil) {
			t.Errorf("data %v: value %v, %v", data, r.Value, err)
		}
	}
}

func TestTheKeyIsThePartitionKeyOrTheSubject(t *testing.T) {
	e := valid()
	for _, want := range []string{"", "subject", "key"} {
		switch want {
		case "subject":
			e.Subject = want
		case "key":
			e.SetExtension(PartitionKey, String(want))
		}
		r, err := e.Record()
		if err != nil || string(r.Key) != want || (r.Key == nil) != (want == "") {
			t.Errorf("key %q, %v; want %q", r.Key, err, want)
		}
	}
}

// MQTT's properties have no prefix: those that cannot be attributes are somebody else's.
func TestPropertiesOfOthersArePassedOver(t *testing.T) {
	m := Publish{ContentType: "text/plain", Payload: []byte("x"), UserProperties: []Property{
		{"specversion", "1.0"}, {"id", "1"}, {"source", "/s"}, {"type", "t"}, {"Foo-Bar", "x"}, {"data", "x"}, {"datacontenttype", "text/plain"},
	}}
	e, err := FromMQTT(&m)
	if err != nil || len(e.extensions) != 0 || e.DataContentType != "text/plain" {
		t.Fatalf("%+v, %v", e, err)
	}
	_, err = FromMQTT(&Publish{UserProperties: m.UserProperties[1:]})
	if !errors.Is(err, ErrNotEvent) {
		t.Fatalf("without version: %v", err)
	}
	_, err = FromMQTT(&Publish{ContentType: "application/cloudevents+avro"})
	if !errors.Is(err, ErrFormat) {
		t.Fatalf("avro: %v", err)
	}
}

// An event that was read belongs to itself, but for its data.
func TestAttributesDoNotShareMemoryWithTheMessage(t *testing.T) {
	text := []byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","xx":"yy"}`)
	e, err := ParseJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	value := []byte("yy")
	r := Record{Headers: []Header{{"ce_specversion", []byte("1.0")}, {"ce_id", []byte("1")}, {"ce_source", []byte("/s")}, {"ce_type", []byte("t")}, {"ce_xx", value}}}
	f, err := FromRecord(&r)
	if err != nil {
		t.Fatal(err)
	}
	clear(text)
	clear(value)
	want := valid()
	want.SetExtension("xx", String("yy"))
	if !e.Equal(&want) || !f.Equal(&want) {
		t.Fatalf("%+v, %+v", e, f)
	}
}

func TestHeadersOfARecordMayBeAppendedToWithoutHarmToOthers(t *testing.T) {
	e := Event{ID: "1", Source: "/s", Type: "t", DataContentType: "text/plain"}
	e.SetExtension("traceparent", String("tp"))
	e.SetExtension("mine", String("x"))
	r, err := e.Record()
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Headers {
		_ = append(r.Headers[i].Value, "!!!!"...)
	}
	back, err := FromRecord(&r)
	if err != nil || !back.Equal(&e) {
		t.Errorf("got %+v, %v; want %+v", back, err, e)
	}
}
