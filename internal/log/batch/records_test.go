package batch

import (
	"errors"
	"testing"
)

func TestRecordsComeBackAsBuilt(t *testing.T) {
	c := new(Codecs)
	want := samples()
	for i := range want { // gaps, as after compaction
		want[i].Offset = 1000 + 3*int64(i)
	}
	for _, codec := range codecs {
		b := build(t, Head{BaseOffset: 990, Codec: codec}, want...)
		sameRecords(t, collect(t, c, b), want)
		if b.BaseOffset() != 990 || b.LastOffset() != want[len(want)-1].Offset || int(b.Count()) != len(want) {
			t.Fatalf("%v: %d records from %d to %d", codec, b.Count(), b.BaseOffset(), b.LastOffset())
		}
	}
}

func TestRecordsMayBeLeftEarly(t *testing.T) {
	c := new(Codecs)
	for _, codec := range codecs {
		b := build(t, Head{Codec: codec}, samples()...)
		for range 3 {
			for r, err := range c.Records(b) {
				if err != nil {
					t.Fatal(err)
				}
				if r.Offset == 4 {
					break
				}
			}
		}
		sameRecords(t, collect(t, c, b), samples())
	}
}

func TestRecordsMayBeNested(t *testing.T) {
	c := new(Codecs)
	for _, codec := range codecs {
		b := build(t, Head{Codec: codec}, samples()[:5]...)
		for r, err := range c.Records(b) {
			if err != nil {
				t.Fatal(err)
			}
			sameRecords(t, collect(t, c, b), samples()[:5])
			sameRecords(t, []Record{r}, samples()[r.Offset:][:1])
		}
	}
}

func TestRecordsEndAtAnError(t *testing.T) {
	for _, codec := range codecs {
		records, failures := 0, 0
		b := withRecord(t, codec, []byte{200, 1})
		for _, err := range new(Codecs).Records(b) {
			if err == nil {
				records++
				continue
			}
			failures++
			if !errors.Is(err, ErrInvalidRecord) {
				t.Errorf("%v: %v", codec, err)
			}
		}
		if records != 1 || failures != 1 {
			t.Errorf("%v: %d records, %d errors", codec, records, failures)
		}
	}
}

func TestRecordsRefuseOffsetsOutOfOrder(t *testing.T) {
	for _, delta := range []int32{-1, 0, 2} {
		fields := raw{offset: delta}
		b := withRecord(t, None, fields.append(nil))
		var last error
		for _, err := range new(Codecs).Records(b) {
			last = err
		}
		if !errors.Is(last, ErrInvalidRecord) {
			t.Errorf("offset delta %d in the second of two records: %v", delta, last)
		}
	}
}

func TestRecordsRefuseUnknownCodecs(t *testing.T) {
	b := mutate(build(t, Head{}, samples()...), func(b Batch) { b.setAttributes(6) })
	for _, err := range new(Codecs).Records(b) {
		if !errors.Is(err, ErrCompression) {
			t.Fatal(err)
		}
	}
}

func TestHeadersKeepOrderAndRepeats(t *testing.T) {
	h := Headers{}.Append("a", []byte("1")).Append("b", nil).Append("a", []byte("2"))
	r := collect(t, new(Codecs), build(t, Head{}, Record{Headers: h}))[0]
	if r.Headers.Len() != 3 {
		t.Fatalf("%d headers", r.Headers.Len())
	}
	var got string
	for k, v := range r.Headers.All() {
		got += string(k) + "=" + showField(v) + " "
	}
	if want := `a="1" b=null a="2" `; got != want {
		t.Fatalf("headers are %s, want %s", got, want)
	}
	if v, ok := r.Headers.Get("a"); !ok || string(v) != "2" {
		t.Fatalf("a is %q, %v: want the last one", v, ok)
	}
	if v, ok := r.Headers.Get("b"); !ok || v != nil {
		t.Fatalf("b is %q, %v", v, ok)
	}
	if _, ok := r.Headers.Get("c"); ok {
		t.Fatal("a header that is not there")
	}
}
