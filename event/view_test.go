package event

import (
	"bytes"
	"testing"
	"time"
)

func TestARecordThatIsNoEventHasAView(t *testing.T) {
	r := Record{
		Topic: "or ders", Partition: 3, Offset: 42, Timestamp: time.UnixMilli(1700000000123), Key: []byte("alice"), Value: []byte(` {"a":1}`),
		Headers: []Header{
			{"tenant", []byte("a")}, {"tenant", []byte("b")}, {"type", []byte("x")}, {"Upper", []byte("x")}, {"traceparent", []byte("00-a")},
			{"empty", nil}, {"binary", []byte{0xff}}, {"recordkey", []byte("x")}, {"ce_id", []byte("x")}, {"dataref", []byte("a b")},
		},
	}
	e := View(&r)
	want := Event{ID: "3-42", Source: "/topics/or%20ders", Type: "evident.record", Subject: "alice", Time: "2023-11-14T22:13:20.123Z", DataContentType: "application/json", Data: r.Value}
	want.SetExtension("tenant", String("a"))
	want.SetExtension(TraceParent, String("00-a"))
	if !e.Equal(&want) {
		t.Fatalf("%+v, want %+v", e, want)
	}
}

func TestTheViewOfWhatARecordDoesNotHave(t *testing.T) {
	for name, tc := range map[string]struct {
		r    Record
		want func(*Event)
	}{
		"nothing":            {Record{}, func(*Event) {}},
		"empty key":          {Record{Key: []byte{}}, func(*Event) {}},
		"binary key":         {Record{Key: []byte{0, 1}}, func(e *Event) { e.SetExtension(RecordKey, Binary([]byte{0, 1})) }},
		"year 10000":         {Record{Timestamp: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, func(*Event) {}},
		"text":               {Record{Value: []byte("5")}, func(e *Event) { e.Data = []byte("5") }},
		"broken JSON":        {Record{Value: []byte("{")}, func(e *Event) { e.Data = []byte("{") }},
		"content type":       {Record{Headers: []Header{{"Content-Type", []byte("text/plain")}}}, func(e *Event) { e.DataContentType = "text/plain" }},
		"wrong content type": {Record{Headers: []Header{{"content-type", []byte("text")}}}, func(*Event) {}},
		"a wrong event":      {Record{Headers: []Header{{"ce_specversion", []byte("1.0")}}}, func(*Event) {}},
	} {
		want := Event{ID: "0-0", Source: "/topics/", Type: ViewType}
		tc.want(&want)
		if e := View(&tc.r); !e.Equal(&want) || e.Validate() != nil {
			t.Errorf("%s: %+v, %v", name, e, e.Validate())
		}
	}
}

func TestTheViewOfAnEventIsTheEvent(t *testing.T) {
	e := valid()
	r, err := e.Record()
	if got := View(&r); err != nil || !got.Equal(&e) {
		t.Fatalf("%+v, %v", got, err)
	}
}

// Every record has a view, which is valid, the same each time, and has each form.
func FuzzView(f *testing.F) {
	f.Add("t", int64(1), int64(1700000000000), []byte("k"), []byte("{}"), "x", []byte("y"))
	f.Add("ü/", int64(-1), int64(-1<<63), []byte{0xff}, []byte(nil), "content-type", []byte("application/json"))
	f.Fuzz(func(t *testing.T, topic string, offset, ms int64, key, value []byte, name string, header []byte) {
		r := Record{Topic: topic, Partition: int32(offset), Offset: offset, Timestamp: time.UnixMilli(ms), Key: key, Value: value, Headers: []Header{{name, header}, {"content-type", header}}}
		e, again := View(&r), View(&r)
		if err := e.Validate(); err != nil || !e.Equal(&again) || !bytes.Equal(e.Data, value) {
			t.Fatalf("%+v, %+v, %v", e, again, err)
		}
		if _, err := throughJSON(nil, e); err != nil {
			t.Fatal(err)
		}
	})
}
