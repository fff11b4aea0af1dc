package batch

import (
	"bytes"
	"fmt"
	"testing"
)

// now is a plausible time in ms since the epoch.
const now = int64(1_700_000_000_000)

var codecs = []Codec{None, Gzip, Snappy, LZ4, Zstd}

// produced is the head of a batch as a client sends it.
func produced(codec Codec) Head { return Head{Codec: codec, LeaderEpoch: NoLeaderEpoch} }

// lenient are rules that no well-formed batch of a test breaks.
func lenient() Rules { return Rules{Now: now, Before: 1 << 50, After: 1 << 50} }

// build makes a batch of the records, at their offsets.
func build(t testing.TB, h Head, records ...Record) Batch {
	t.Helper()
	b := new(Codecs).NewBuilder(h)
	for _, r := range records {
		if err := b.AppendAt(r); err != nil {
			t.Fatalf("appending %v: %v", r, err)
		}
	}
	batch, err := b.Build()
	if err != nil {
		t.Fatalf("building: %v", err)
	}
	return batch
}

// samples are records of every shape: null and empty fields, headers, long and
// short numbers, timestamps before and after the first.
func samples() []Record {
	h := Headers{}.Append("trace", []byte{1, 2, 3}).Append("", nil).Append("empty", []byte{})
	long := bytes.Repeat([]byte("evident "), 3000)
	records := []Record{
		{Timestamp: now, Key: []byte("k"), Value: []byte("v")},
		{Timestamp: now - 5, Value: []byte("no key")},
		{Timestamp: now + 70, Key: []byte("tombstone")},
		{Timestamp: now + 1, Key: []byte{}, Value: []byte{}},
		{Timestamp: now + 9_000_000_000, Key: long[:100], Value: long, Headers: h},
		{Timestamp: NoTimestamp},
	}
	for i := range 200 {
		records = append(records, Record{Timestamp: now + int64(i), Key: fmt.Appendf(nil, "key %d", i), Value: text(i, i)})
	}
	for i := range records {
		records[i].Offset = int64(i)
	}
	return records
}

// collect reads all records, copied.
func collect(t testing.TB, c *Codecs, b Batch) []Record {
	t.Helper()
	var out []Record
	for r, err := range c.Records(b) {
		if err != nil {
			t.Fatalf("after %d records: %v", len(out), err)
		}
		out = append(out, clone(r))
	}
	return out
}

func clone(r Record) Record {
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	r.Headers.raw = bytes.Clone(r.Headers.raw)
	return r
}

// sameRecords fails unless got and want are alike; null and empty fields differ.
func sameRecords(t testing.TB, got, want []Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range want {
		if g, w := show(got[i]), show(want[i]); g != w {
			t.Fatalf("record %d is\n%s, want\n%s", i, g, w)
		}
	}
}

func show(r Record) string {
	s := fmt.Sprintf("%d at %d: %s = %s", r.Offset, r.Timestamp, showField(r.Key), showField(r.Value))
	for k, v := range r.Headers.All() {
		s += fmt.Sprintf(" [%q %s]", k, showField(v))
	}
	return s
}

func showField(f []byte) string {
	if f == nil {
		return "null"
	}
	return fmt.Sprintf("%q", f)
}

// mutate copies b, applies f and renews the CRC.
func mutate(b Batch, f func(Batch)) Batch {
	c := Batch(bytes.Clone(b))
	f(c)
	c.seal()
	return c
}
