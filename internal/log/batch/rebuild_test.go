package batch

import (
	"bytes"
	"errors"
	"testing"
)

// original is the head of a stored batch with everything set that has to survive.
func original(codec Codec) Head {
	return Head{BaseOffset: 500, LeaderEpoch: 4, Codec: codec, Transactional: true, Producer: &Producer{8, 2, 30}}
}

func stored() []Record {
	records := samples()
	for i := range records {
		records[i].Offset += 500
	}
	return records
}

func TestRebuildKeepsOffsetsAndProducerState(t *testing.T) {
	c := new(Codecs)
	r := c.NewRebuilder()
	for _, codec := range codecs {
		b := build(t, original(codec), stored()...)
		before := bytes.Clone(b)
		keep := func(r *Record) bool { return r.Offset%3 == 1 }
		got, err := r.Rebuild(b, 0, keep)
		if err != nil {
			t.Fatal(err)
		}
		var want []Record
		for _, r := range stored() {
			if keep(&r) {
				want = append(want, r)
			}
		}
		sameRecords(t, collect(t, c, got), want)
		sameState(t, got, b)
		if got.Attributes() != b.Attributes() {
			t.Errorf("%v: attributes %#x, were %#x", codec, got.Attributes(), b.Attributes())
		}
		if !bytes.Equal(b, before) {
			t.Errorf("%v: the original was changed", codec)
		}
		if latest := latest(want); got.MaxTimestamp() != latest {
			t.Errorf("%v: max timestamp %d, want %d", codec, got.MaxTimestamp(), latest)
		}
	}
}

func latest(records []Record) int64 {
	out := int64(NoTimestamp)
	for _, r := range records {
		out = max(out, r.Timestamp)
	}
	return out
}

// sameState fails unless recovery learns the same from both batches.
func sameState(t *testing.T, got, want Batch) {
	t.Helper()
	if err := got.Check(); err != nil {
		t.Fatal(err)
	}
	type state struct {
		base, last, producer, epoch, sequence, lastSequence, leader int64
	}
	of := func(b Batch) state {
		return state{b.BaseOffset(), b.LastOffset(), b.ProducerID(), int64(b.ProducerEpoch()),
			int64(b.BaseSequence()), int64(b.LastSequence()), int64(b.LeaderEpoch())}
	}
	if of(got) != of(want) {
		t.Fatalf("state is %+v, want %+v", of(got), of(want))
	}
}

func TestRebuildReturnsTheSameBatchIfNothingGoes(t *testing.T) {
	for _, codec := range codecs {
		b := build(t, original(codec), stored()...)
		got, err := new(Codecs).NewRebuilder().Rebuild(b, 0, func(*Record) bool { return true })
		if err != nil || &got[0] != &b[0] || len(got) != len(b) {
			t.Fatalf("%v: another batch, %v", codec, err)
		}
	}
}

func TestRebuildOfNothingKeepsAnEmptyBatch(t *testing.T) {
	r := new(Codecs).NewRebuilder()
	for _, codec := range codecs {
		h := original(codec)
		h.DeleteHorizon = now
		b := build(t, h, stored()...)
		got, err := r.Rebuild(b, now, func(*Record) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		sameState(t, got, b)
		if len(got) != HeaderSize || got.Count() != 0 || got.MaxTimestamp() != b.MaxTimestamp() ||
			got.BaseTimestamp() != NoTimestamp || got.Attributes() != flagTransactional {
			t.Fatalf("%v: %x", codec, []byte(got))
		}
		if n := len(collect(t, r.codecs, got)); n != 0 {
			t.Fatalf("%v: %d records", codec, n)
		}
		again, err := r.Rebuild(bytes.Clone(got), now, func(*Record) bool { return false })
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("%v: an empty batch changed: %v", codec, err)
		}
	}
}

func TestHorizonIsSetOnceForTombstones(t *testing.T) {
	c := new(Codecs)
	r := c.NewRebuilder()
	tombstone := func(r *Record) bool { return r.Value == nil }
	all := func(*Record) bool { return true }
	for _, codec := range codecs {
		b := build(t, original(codec), stored()...)
		first, err := r.Rebuild(b, now+1000, all)
		if err != nil {
			t.Fatal(err)
		}
		first = bytes.Clone(first)
		sameState(t, first, b)
		sameRecords(t, collect(t, c, first), stored())
		if ms, ok := first.DeleteHorizon(); !ok || ms != now+1000 {
			t.Fatalf("%v: horizon %d, %v", codec, ms, ok)
		}
		second, err := r.Rebuild(first, now+2000, tombstone)
		if err != nil {
			t.Fatal(err)
		}
		if ms, ok := second.DeleteHorizon(); !ok || ms != now+1000 || second.Count() != 2 {
			t.Fatalf("%v: horizon %d, %v in %d records", codec, ms, ok, second.Count())
		}
		third, err := c.NewRebuilder().Rebuild(b, now+1000, func(r *Record) bool { return !tombstone(r) })
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := third.DeleteHorizon(); ok {
			t.Fatalf("%v: a horizon without a tombstone", codec)
		}
	}
}

func TestHorizonIsSetForControlBatches(t *testing.T) {
	h := Head{Control: true, Transactional: true, Producer: &Producer{1, 1, NoSequence}}
	b := build(t, h, Record{Timestamp: now, Key: []byte{0, 0, 0, 1}, Value: []byte{0, 0, 0, 0, 0, 0}})
	all := func(*Record) bool { return true }
	got, err := new(Codecs).NewRebuilder().Rebuild(b, now+7, all)
	if err != nil {
		t.Fatal(err)
	}
	if ms, ok := got.DeleteHorizon(); !ok || ms != now+7 {
		t.Fatalf("horizon %d, %v", ms, ok)
	}
	if same, err := new(Codecs).NewRebuilder().Rebuild(b, 0, all); err != nil || &same[0] != &b[0] {
		t.Fatalf("changed without a horizon: %v", err)
	}
}

func TestRebuildKeepsTheAppendTime(t *testing.T) {
	h := original(None)
	h.AppendTime = now + 42
	b := build(t, h, stored()...)
	for _, horizon := range []int64{0, now + 1000} {
		got, err := new(Codecs).NewRebuilder().Rebuild(b, horizon, func(r *Record) bool { return r.Offset < 504 })
		if err != nil {
			t.Fatal(err)
		}
		if !got.Attributes().LogAppendTime() || got.MaxTimestamp() != now+42 {
			t.Fatalf("attributes %#x, max timestamp %d", got.Attributes(), got.MaxTimestamp())
		}
	}
}

func TestRebuildReportsDamage(t *testing.T) {
	b := withRecord(t, None, []byte{200, 1})
	if _, err := new(Codecs).NewRebuilder().Rebuild(b, 0, func(*Record) bool { return false }); !errors.Is(err, ErrInvalidRecord) {
		t.Fatal(err)
	}
}
