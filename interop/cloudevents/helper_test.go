package cloudevents

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	sdk "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"pgregory.net/rapid"

	"github.com/evidentlog/evident/event"
)

// A text is what attributes are drawn from. The SDK takes spaces off both ends of some,
// and writes and reads headers of HTTP as they are: those get ASCII that is not encoded.
type text = *rapid.Generator[string]

func anyText() text {
	allowed := rapid.Rune().Filter(func(r rune) bool {
		return r >= ' ' && (r < 0x7f || r > 0x9f) && r&0xfffe != 0xfffe && (r < 0xfdd0 || r > 0xfdef)
	})
	return rapid.StringOfN(allowed, 1, 20, -1).Filter(func(s string) bool { return strings.TrimSpace(s) == s })
}

func headerText() text { return rapid.StringMatching(`[!#$&-~]{1,20}`) }

var (
	sources  = []string{"https://example.com/a?b=c#d", "/a/b", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "1-555-123-4567"}
	schemas  = []string{"", "https://example.com/schema"}
	payloads = []payload{ // application/…+json is no JSON to the SDK
		{"", nil}, {"application/json", nil}, {"application/json", []byte(`{"a":[1,"é",null]}`)}, {"text/json", []byte("1.5")},
		{"text/plain", []byte("plain \"text\" é")}, {"application/xml", []byte(`<a b="c"/>`)}, {"application/avro", []byte{0, 0xff, 1}},
	}
)

type payload struct {
	contentType string
	data        []byte
}

// draw draws an event that both sides have a form for.
func draw(t *rapid.T, from text) event.Event {
	p := rapid.SampledFrom(payloads).Draw(t, "payload")
	e := event.Event{
		ID: from.Draw(t, "id"), Type: from.Draw(t, "type"), Source: rapid.SampledFrom(sources).Draw(t, "source"),
		DataSchema: rapid.SampledFrom(schemas).Draw(t, "schema"), DataContentType: p.contentType, Data: p.data,
	}
	if rapid.Bool().Draw(t, "subject?") {
		e.Subject = from.Draw(t, "subject")
	}
	if rapid.Bool().Draw(t, "time?") {
		e.Time = event.At(time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns")).UTC())
	}
	for range rapid.IntRange(0, 4).Draw(t, "extensions") {
		value := rapid.OneOf(
			rapid.Map(from, event.String), rapid.Map(rapid.Int32(), event.Integer), rapid.Map(rapid.Bool(), event.Boolean),
		).Draw(t, "value")
		e.SetExtension(rapid.StringMatching(`x[a-z0-9]{1,4}`).Draw(t, "name"), value)
	}
	return e
}

// theirs is the same event for the SDK.
func theirs(t *rapid.T, e event.Event) sdk.Event {
	s := sdk.New(sdk.CloudEventsVersionV1)
	s.SetID(e.ID)
	s.SetType(e.Type)
	s.SetSource(e.Source)
	if e.Subject != "" {
		s.SetSubject(e.Subject)
	}
	if e.DataSchema != "" {
		s.SetDataSchema(e.DataSchema)
	}
	if e.DataContentType != "" {
		s.SetDataContentType(e.DataContentType)
	}
	if e.Time != "" {
		at, err := e.Time.Time()
		if err != nil {
			t.Fatal(err)
		}
		s.SetTime(at)
	}
	for name, v := range e.Extensions() {
		s.SetExtension(name, native(v))
	}
	if e.Data != nil {
		s.DataEncoded, s.DataBase64 = e.Data, e.DataContentType == "application/avro"
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	return s
}

func native(v event.Value) any {
	switch v.Kind() {
	case event.KindBoolean:
		b, _ := v.Bool()
		return b
	case event.KindInteger:
		n, _ := v.Int()
		return n
	}
	return v.String()
}

// mustMatch fails the test unless both are one event.
func mustMatch(t *rapid.T, e event.Event, s *sdk.Event) {
	got := map[string]string{
		"id": s.ID(), "type": s.Type(), "source": s.Source(), "subject": s.Subject(), "dataschema": s.DataSchema(), "datacontenttype": s.DataContentType(), "specversion": s.SpecVersion(),
	}
	for name, v := range s.Extensions() {
		text, err := types.Format(v)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = text
	}
	for name, v := range e.Attributes() {
		if name == "time" {
			at, err := v.Time()
			if err != nil || !at.Equal(s.Time()) {
				t.Fatalf("time %s, %v; theirs %v", v, err, s.Time())
			}
			continue
		}
		if got[name] != v.String() {
			t.Fatalf("%s %q, theirs %q", name, v, got[name])
		}
		delete(got, name)
	}
	for name, text := range got {
		if text != "" {
			t.Fatalf("theirs has %s %q", name, text)
		}
	}
	if !bytes.Equal(compact(e), compact(event.Event{DataContentType: s.DataContentType(), Data: s.Data()})) {
		t.Fatalf("data %q, theirs %q", e.Data, s.Data())
	}
}

// compact is an event's data, without white space that JSON does not need.
func compact(e event.Event) []byte {
	var b bytes.Buffer
	if event.IsJSON(e.DataContentType) && json.Compact(&b, e.Data) == nil {
		return b.Bytes()
	}
	return e.Data
}
