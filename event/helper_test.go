package event

import (
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawText draws a String that is not empty.
func drawText(t *rapid.T, label string) string {
	r := rapid.OneOf(rapid.RuneFrom([]rune(`abz09 %"\/;,=+ÿé€😀`+"\u00a0")), rapid.Rune().Filter(func(r rune) bool { return textFault(string(r)) == "" }))
	return rapid.StringOfN(r, 1, 20, -1).Draw(t, label)
}

// drawEvent draws a valid event.
func drawEvent(t *rapid.T) Event {
	e := Event{
		ID:              drawText(t, "id"),
		Source:          rapid.SampledFrom([]string{"https://example.com/a?b#c", "/a/b", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "1-555-123-4567", "mailto:a@example.com", "//[::1]:80/%C3%A9"}).Draw(t, "source"),
		Type:            drawText(t, "type"),
		Time:            rapid.SampledFrom([]Timestamp{"", "2026-01-02T03:04:05Z", "2026-01-02t03:04:05.000z", "1999-12-31T23:59:60.123456789012-00:00", "0000-01-01T00:00:00+23:59"}).Draw(t, "time"),
		DataContentType: rapid.SampledFrom([]string{"", "application/json", "Application/Vnd.X+JSON; charset=UTF-8", "text/plain", "text/plain; charset=iso-8859-1", "application/xml", "application/avro", `a/b; c="d\"e"`}).Draw(t, "datacontenttype"),
		DataSchema:      rapid.SampledFrom([]string{"", "https://example.com/schema#/a", "urn:x"}).Draw(t, "dataschema"),
	}
	if rapid.Bool().Draw(t, "subject?") {
		e.Subject = drawText(t, "subject")
	}
	for range rapid.IntRange(0, 12).Draw(t, "extensions") {
		e.SetExtension(rapid.StringMatching(`x[a-z0-9]{1,3}`).Draw(t, "name"), drawValue(t))
	}
	e.Data = rapid.SampledFrom([][]byte{nil, {}, []byte("null"), []byte(`{"a": [1, "\u00e9é\ud83d\ude00", {}]}`), []byte(`"text"`), []byte("plain \"text\"\r\n\t\x01é"), {0xff, 0}, []byte(strings.Repeat("[", 600))}).Draw(t, "data")
	return e
}

func drawValue(t *rapid.T) Value {
	return rapid.OneOf(
		rapid.Map(rapid.Int32(), Integer),
		rapid.Map(rapid.Bool(), Boolean),
		rapid.Map(rapid.SliceOf(rapid.Byte()), Binary),
		rapid.Just(String("")),
		rapid.Just(URI("a:b")),
		rapid.Just(URIReference("")),
		rapid.Just(Time("2026-01-02T03:04:05.120Z")),
		rapid.Custom(func(t *rapid.T) Value { return String(drawText(t, "value")) }),
	).Draw(t, "value")
}

// valid is the smallest event.
func valid() Event { return Event{ID: "1", Source: "/s", Type: "t"} }

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// mustContain fails the test unless the error's text has all parts.
func mustContain(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Fatalf("error %q; want %q in it", err, part)
		}
	}
}
