package index

import (
	"bytes"
	"testing"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/log/batch"
)

// Whatever headers and values are, collecting them and reading them as an event
// neither fails nor changes them.
func FuzzCollector(f *testing.F) {
	f.Add("ce_id", []byte("1"), "content-type", []byte("Application/CloudEvents+JSON ; x"), []byte(`{"id":"2","type":"t"}`))
	f.Add("content-type", []byte("application/cloudevents+json"), "ce_type", []byte(nil), []byte(`{"id":`))
	f.Fuzz(func(t *testing.T, key1 string, value1 []byte, key2 string, value2, value []byte) {
		var h batch.Headers
		h = h.Append(key1, value1).Append(key2, value2)
		g := event.GlanceAt(h.All(), value)
		c := (&Index{secret: secret{1, 2}}).Collector()
		c.Record(7, -1, value1, value, h)
		it := c.items[0]
		for field := ID; field < Field(fields); field++ {
			v := attribute(&g, field)
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
