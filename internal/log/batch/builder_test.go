package batch

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestAppendGivesTheNextOffset(t *testing.T) {
	b := new(Codecs).NewBuilder(Head{BaseOffset: 5})
	for range 3 {
		if err := b.Append(Record{Offset: 77}); err != nil {
			t.Fatal(err)
		}
	}
	batch, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range collect(t, new(Codecs), batch) {
		if r.Offset != 5+int64(i) {
			t.Fatalf("record %d has offset %d", i, r.Offset)
		}
	}
}

func TestBuilderRefusesWhatCannotBeWritten(t *testing.T) {
	for name, r := range map[string]Record{
		"offset before the base":   {Offset: 9},
		"offset used already":      {Offset: 10},
		"offset too far":           {Offset: 10 + math.MaxInt32},
		"timestamp too far before": {Offset: 11, Timestamp: math.MinInt64},
	} {
		b := new(Codecs).NewBuilder(Head{BaseOffset: 10})
		if err := b.Append(Record{Timestamp: now}); err != nil {
			t.Fatal(err)
		}
		size := b.Size()
		if err := b.AppendAt(r); !errors.Is(err, ErrInvalidRecord) {
			t.Errorf("%s: %v", name, err)
		}
		if b.Size() != size || b.Count() != 1 {
			t.Errorf("%s: the refused record left something", name)
		}
	}
	if _, err := new(Codecs).NewBuilder(Head{}).Build(); !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("no records: %v", err)
	}
	for _, codec := range []Codec{5, 7, 9, 255} {
		b := new(Codecs).NewBuilder(Head{Codec: codec})
		if err := b.Append(Record{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Build(); !errors.Is(err, ErrCompression) {
			t.Errorf("codec %d: %v", codec, err)
		}
	}
}

func TestResetLeavesNothingBehind(t *testing.T) {
	records := samples()
	for _, codec := range codecs {
		b := new(Codecs).NewBuilder(Head{BaseOffset: 3, Codec: Gzip, AppendTime: 9, Control: true, Producer: &Producer{1, 2, 3}, DeleteHorizon: 8})
		for range 2 {
			if err := b.Append(records[4]); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.Build(); err != nil {
			t.Fatal(err)
		}
		b.Reset(Head{Codec: codec})
		for _, r := range records {
			if err := b.AppendAt(r); err != nil {
				t.Fatal(err)
			}
		}
		got, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		if want := build(t, Head{Codec: codec}, records...); !bytes.Equal(got, want) {
			t.Fatalf("%v: differs from what a new builder makes", codec)
		}
	}
}

func TestBuilderStampsAppendTime(t *testing.T) {
	b := build(t, Head{AppendTime: now + 1}, samples()...)
	if !b.Attributes().LogAppendTime() || b.MaxTimestamp() != now+1 || b.Check() != nil {
		t.Fatalf("attributes %#x, max timestamp %d, %v", b.Attributes(), b.MaxTimestamp(), b.Check())
	}
}

func TestWhatIsUndoneLeavesNoTrace(t *testing.T) {
	var codecs Codecs
	b := codecs.NewBuilder(Head{})
	plain := codecs.NewBuilder(Head{})
	empty := b.Mark()
	appendAll(t, b, Record{Timestamp: 5, Key: []byte("wrong"), Value: []byte("base")})
	b.Undo(empty)
	for i := range int64(3) {
		r := Record{Timestamp: 10 + i, Key: []byte{byte(i)}, Value: []byte("value")}
		appendAll(t, b, r)
		appendAll(t, plain, r)
		at := b.Mark()
		appendAll(t, b, Record{Timestamp: 99, Value: []byte("undone")}, Record{Timestamp: 100, Value: []byte("too")})
		b.Undo(at)
	}
	got, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	want, err := plain.Build()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %x\nwant %x", got, want)
	}
}

func appendAll(t *testing.T, b *Builder, rs ...Record) {
	t.Helper()
	for _, r := range rs {
		if err := b.Append(r); err != nil {
			t.Fatal(err)
		}
	}
}
