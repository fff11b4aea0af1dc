package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"
)

func TestValidateAcceptsWhatProducersSend(t *testing.T) {
	c := new(Codecs)
	want := samples()
	for _, codec := range codecs {
		h := produced(codec)
		for _, h.Producer = range []*Producer{nil, {0, 0, 0}, {math.MaxInt64, math.MaxInt16, math.MaxInt32}} {
			b := build(t, h, want...)
			before := bytes.Clone(b)
			info, err := c.Validate(b, lenient())
			if err != nil {
				t.Fatalf("%v: %v", codec, err)
			}
			if !bytes.Equal(b, before) {
				t.Fatalf("%v: a batch without fault was changed", codec)
			}
			plain := build(t, produced(None), want...)
			if info != (Info{int32(len(want)), now + 9_000_000_000, 4, int64(len(plain.Payload()))}) {
				t.Fatalf("%v: %+v", codec, info)
			}
		}
	}
}

// TestValidateRefusesHeaders breaks one field at a time of a batch that is
// otherwise right.
func TestValidateRefusesHeaders(t *testing.T) {
	h := produced(None)
	h.Producer = &Producer{7, 0, 0}
	good := build(t, h, samples()...)
	be := binary.BigEndian
	for _, test := range []struct {
		name   string
		damage func(Batch)
		want   error
	}{
		{"format 1", func(b Batch) { b[posMagic] = 1 }, ErrMagic},
		{"codec 5", func(b Batch) { b.setAttributes(5) }, ErrCompression},
		{"codec 7", func(b Batch) { b.setAttributes(7) }, ErrCompression},
		{"LogAppendTime", func(b Batch) { b.setAttributes(flagLogAppendTime) }, ErrTimestamp},
		{"control", func(b Batch) { b.setAttributes(flagControl) }, ErrInvalidRecord},
		{"delete horizon", func(b Batch) { b.setAttributes(flagDeleteHorizon) }, ErrInvalidRecord},
		{"reserved bit 7", func(b Batch) { b.setAttributes(1 << 7) }, ErrInvalidRecord},
		{"reserved bit 15", func(b Batch) { b.setAttributes(1 << 15) }, ErrInvalidRecord},
		{"base offset", func(b Batch) { b.SetBaseOffset(1) }, ErrInvalidRecord},
		{"no records", func(b Batch) { be.PutUint32(b[posCount:], 0) }, ErrInvalidRecord},
		{"negative count", func(b Batch) { be.PutUint32(b[posCount:], 1<<31) }, ErrInvalidRecord},
		{"last offset delta", func(b Batch) { be.PutUint32(b[posLastOffsetDelta:], 1000) }, ErrInvalidRecord},
		{"no sequence", func(b Batch) { be.PutUint32(b[posBaseSequence:], math.MaxUint32) }, ErrInvalidRecord},
		{"no epoch", func(b Batch) { be.PutUint16(b[posProducerEpoch:], math.MaxUint16) }, ErrInvalidRecord},
		{"producer -2", func(b Batch) { be.PutUint64(b[posProducerID:], math.MaxUint64-1) }, ErrInvalidRecord},
		{"transaction of nobody", func(b Batch) {
			be.PutUint64(b[posProducerID:], math.MaxUint64)
			b.setAttributes(flagTransactional)
		}, ErrInvalidRecord},
		{"one record too few", func(b Batch) { setCount(b, b.Count()+1) }, ErrInvalidRecord},
		{"one record too many", func(b Batch) { setCount(b, b.Count()-1) }, ErrInvalidRecord},
	} {
		b := mutate(good, test.damage)
		before := bytes.Clone(b)
		if _, err := new(Codecs).Validate(b, lenient()); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if !bytes.Equal(b, before) {
			t.Errorf("%s: the refused batch was changed", test.name)
		}
	}
	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1
	if _, err := new(Codecs).Validate(bad, lenient()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("wrong CRC: %v", err)
	}
	if _, err := new(Codecs).Validate(good[:len(good)-1], lenient()); !errors.Is(err, ErrShort) {
		t.Errorf("cut short: %v", err)
	}
}

// setCount changes the number of records, as a consistent header.
func setCount(b Batch, n int32) {
	binary.BigEndian.PutUint32(b[posCount:], uint32(n))
	binary.BigEndian.PutUint32(b[posLastOffsetDelta:], uint32(n-1))
}

// TestValidateRefusesRecords puts a bad record behind a good one, in the
// clear and compressed.
func TestValidateRefusesRecords(t *testing.T) {
	const filler = "0123456789abcdef" // makes the record long enough for the fast path
	body := func(b ...byte) []byte {
		return append(appendVarint(nil, int64(len(b))), b...)
	}
	tail := append([]byte{32}, filler...)
	for name, record := range map[string][]byte{
		"nothing":               {},
		"empty":                 {0},
		"negative length":       {1},
		"length not ended":      {0x80},
		"length over 32 bits":   {0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"length beyond the end": append([]byte{200, 1}, filler...),
		"length beyond fields":  body(append(append([]byte{0, 0, 2, 1}, tail...), 0, 0)...),
		"length before fields":  append([]byte{4}, append(append([]byte{0, 0, 2, 1}, tail...), 0)...),
		"offset delta":          body(append(append([]byte{0, 0, 4, 1}, tail...), 0)...),
		"negative offset delta": body(append(append([]byte{0, 0, 3, 1}, tail...), 0)...),
		"timestamp not ended":   body(0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 0),
		"timestamp overflow":    body(0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 1, 1, 0),
		"key -2":                body(append(append([]byte{0, 0, 2, 3}, tail...), 0)...),
		"key too long":          body(append(append([]byte{0, 0, 2, 80}, tail...), 0)...),
		"value -2":              body(0, 0, 2, 1, 3, 0, 0, 0, 0, 0, 0, 0),
		"value too long":        body(append(append([]byte{0, 0, 2, 1, 36}, filler...), 0)...),
		"no header count":       body(append([]byte{0, 0, 2, 1}, tail...)...),
		"negative header count": body(append(append([]byte{0, 0, 2, 1}, tail...), 1)...),
		"too many headers":      body(append(append([]byte{0, 0, 2, 1}, tail...), 4, 2, 'k', 1)...),
		"too few headers":       body(append(append([]byte{0, 0, 2, 1}, tail...), 0, 2, 'k', 1)...),
		"null header key":       body(append(append([]byte{0, 0, 2, 1}, tail...), 2, 1, 1)...),
		"header key too long":   body(append(append([]byte{0, 0, 2, 1}, tail...), 2, 8, 'k', 1)...),
		"header value too long": body(append(append([]byte{0, 0, 2, 1}, tail...), 2, 2, 'k', 8, 'v')...),
		"header value -2":       body(append(append([]byte{0, 0, 2, 1}, tail...), 2, 2, 'k', 3)...),
	} {
		for _, codec := range codecs {
			b := withRecord(t, codec, record)
			_, err := new(Codecs).Validate(b, lenient())
			var blamed *RecordError
			if !errors.Is(err, ErrInvalidRecord) || !errors.As(err, &blamed) || blamed.Index != 1 {
				t.Errorf("%s, %v: %v", name, codec, err)
			}
		}
	}
	for _, codec := range codecs {
		b := withRecord(t, codec, body(append(append([]byte{0, 0, 2, 1}, tail...), 0)...))
		if _, err := new(Codecs).Validate(b, lenient()); err != nil {
			t.Errorf("the good record, %v: %v", codec, err)
		}
	}
}

// withRecord is a batch of a good record and then the given bytes.
func withRecord(t testing.TB, codec Codec, record []byte) Batch {
	t.Helper()
	b := new(Codecs).NewBuilder(produced(codec))
	if err := b.Append(Record{Timestamp: now, Value: []byte("good")}); err != nil {
		t.Fatal(err)
	}
	b.plain = append(b.plain, record...)
	b.added(1, now)
	batch, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func TestCompactedTopicsWantKeys(t *testing.T) {
	rules := lenient()
	rules.RequireKey = true
	for _, codec := range codecs {
		for i, value := range [][]byte{[]byte("a value of twenty bytes"), nil} {
			b := build(t, produced(codec), Record{Timestamp: now, Key: []byte{}}, Record{Offset: 1, Timestamp: now, Value: value})
			_, err := new(Codecs).Validate(b, rules)
			var blamed *RecordError
			if !errors.Is(err, ErrInvalidRecord) || !errors.As(err, &blamed) || blamed.Index != 1 {
				t.Errorf("%v, value %d: %v", codec, i, err)
			}
		}
	}
}

func TestEachRecordThatBreaksARuleIsNamed(t *testing.T) {
	rules := lenient()
	rules.RequireKey, rules.Before, rules.After = true, 1000, 1000
	key := []byte("k")
	for _, codec := range codecs {
		b := build(t, produced(codec), Record{Timestamp: now}, Record{Offset: 1, Timestamp: now, Key: key},
			Record{Offset: 2, Timestamp: now - 2000, Key: key}, Record{Offset: 3, Timestamp: now, Key: key}, Record{Offset: 4, Timestamp: now})
		_, err := new(Codecs).Validate(b, rules)
		var named []int32
		var rejection Rejection
		if errors.As(err, &rejection) {
			for _, one := range rejection {
				named = append(named, one.Index)
			}
		}
		if !slices.Equal(named, []int32{0, 2, 4}) || !errors.Is(err, ErrInvalidRecord) || !errors.Is(err, ErrTimestamp) {
			t.Errorf("%v: named %v, %v", codec, named, err)
		}
	}
}

func TestNoMoreRecordsAreNamedThanTheLimit(t *testing.T) {
	rules := lenient()
	rules.RequireKey = true
	many := make([]Record, maxRejected+10)
	for i := range many {
		many[i] = Record{Offset: int64(i), Timestamp: now}
	}
	_, err := new(Codecs).Validate(build(t, produced(None), many...), rules)
	var rejection Rejection
	if !errors.As(err, &rejection) || len(rejection) != maxRejected {
		t.Errorf("%d records are named, want %d", len(rejection), maxRejected)
	}
}

func TestTimestampsStayWithinTheTopicsRange(t *testing.T) {
	rules := Rules{Now: now, Before: 100, After: 10}
	for _, test := range []struct {
		timestamp int64
		ok        bool
	}{
		{now, true}, {now - 100, true}, {now - 101, false}, {now + 10, true}, {now + 11, false},
		{NoTimestamp, true}, {-2, false}, {0, false}, {2 * now, false},
	} {
		for _, codec := range []Codec{None, Zstd} {
			for _, first := range []int64{now, NoTimestamp} {
				b := build(t, produced(codec),
					Record{Timestamp: first, Value: text(0, 30)}, Record{Offset: 1, Timestamp: test.timestamp, Value: text(1, 30)})
				_, err := new(Codecs).Validate(b, rules)
				if test.ok != (err == nil) || err != nil && !errors.Is(err, ErrTimestamp) {
					t.Errorf("timestamp %d after %d, %v: %v", test.timestamp, first, codec, err)
				}
			}
		}
	}
}

func TestTimestampRangeHoldsAtTheEndsOfInt64(t *testing.T) {
	c := new(Codecs)
	for _, base := range []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, now, math.MaxInt64 - 1, math.MaxInt64} {
		for _, delta := range []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64} {
			for _, rules := range []Rules{
				{Now: now, Before: math.MaxInt64, After: 3600_000},
				{Now: now, Before: math.MaxInt64, After: math.MaxInt64},
				{Now: now, Before: 1000, After: 1000},
				{LogAppendTime: true},
			} {
				b := withDelta(t, base, delta)
				_, err := c.Validate(b, rules)
				if want := timestampVerdict(base, delta, rules); !errors.Is(err, want) {
					t.Errorf("base %d delta %d, %+v: %v, want %v", base, delta, rules, err, want)
				}
			}
		}
	}
}

// withDelta is a batch of one record with any base timestamp and delta.
func withDelta(t testing.TB, base, delta int64) Batch {
	t.Helper()
	b := new(Codecs).NewBuilder(produced(None))
	b.base, b.hasBase = base, true
	fields := raw{timestamp: delta, value: []byte("a value of twenty bytes")}
	b.plain = fields.append(b.plain)
	b.added(0, base+delta)
	batch, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

// timestampVerdict says what the walker says, in numbers without end.
func timestampVerdict(base, delta int64, r Rules) error {
	n := big.NewInt
	timestamp := new(big.Int).Add(n(base), n(delta))
	switch {
	case !timestamp.IsInt64():
		return ErrInvalidRecord
	case r.LogAppendTime, timestamp.Int64() == NoTimestamp:
		return nil
	case timestamp.Cmp(new(big.Int).Sub(n(r.Now), n(r.Before))) < 0, timestamp.Cmp(new(big.Int).Add(n(r.Now), n(r.After))) > 0:
		return ErrTimestamp
	}
	return nil
}

func TestValidateCorrectsTheMaxTimestamp(t *testing.T) {
	for _, codec := range codecs {
		b := build(t, produced(codec), samples()...)
		for _, wrong := range []int64{NoTimestamp, 0, now, math.MaxInt64} {
			lying := mutate(b, func(b Batch) { b.setMaxTimestamp(wrong) })
			if _, err := new(Codecs).Validate(lying, lenient()); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(lying, b) {
				t.Fatalf("%v: max timestamp %d was not corrected", codec, wrong)
			}
		}
	}
}

func TestLogAppendTimeIgnoresTheProducersTimestamps(t *testing.T) {
	b := build(t, produced(None), Record{Timestamp: 5, Value: text(0, 40)}, Record{Offset: 1, Timestamp: now * 2})
	lying := mutate(b, func(b Batch) { b.setMaxTimestamp(3) })
	before := bytes.Clone(lying)
	if _, err := new(Codecs).Validate(lying, Rules{Now: now, LogAppendTime: true}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(lying, before) {
		t.Fatal("the header was changed although the caller stamps it")
	}
}

func TestMaxTimestampIsThatOfTheFirstRecordThatHasIt(t *testing.T) {
	for _, codec := range codecs {
		var records []Record
		for i, timestamp := range []int64{now, now + 3, now - 3, now + 3, now} {
			records = append(records, Record{Offset: int64(i), Timestamp: timestamp, Value: text(i, 15*i)})
		}
		info, err := new(Codecs).Validate(build(t, produced(codec), records...), lenient())
		if err != nil || info.MaxTimestamp != now+3 || info.MaxTimestampDelta != 1 {
			t.Errorf("%v: %+v, %v", codec, info, err)
		}
	}
}

func TestValidatingInTheClearDoesNotAllocate(t *testing.T) {
	b := build(t, produced(None), samples()...)
	c, rules := new(Codecs), lenient()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := c.Validate(b, rules); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}
