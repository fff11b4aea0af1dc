package batch

import (
	"bytes"
	"errors"
	"io"
	"math"
	"reflect"
	"testing"
)

// small are samples without the long ones, which would slow the fuzzer down.
func small() []Record {
	records := samples()[:8]
	records[4].Key, records[4].Value = records[4].Key[:20], records[4].Value[:50]
	return records
}

// seeds are batches in all codecs, and damaged ones.
func seeds(f *testing.F) {
	for _, codec := range codecs {
		for n := range 8 {
			b := build(f, produced(codec), small()[:n+1]...)
			f.Add([]byte(b))
			f.Add([]byte(b[:len(b)-n]))
			f.Add([]byte(kgoBatch(f, codec, small()[:n+1])))
		}
		f.Add([]byte(build(f, Head{Codec: codec, Transactional: true, Producer: &Producer{8, 2, 30}}, small()...)))
		f.Add([]byte(withRecord(f, codec, []byte{200, 1})))
	}
	f.Add([]byte(payload(f, Zstd, 1, zstdFrame(24, bomb(100)))))
}

// whole makes a batch of any bytes that are enough for a header: length, format
// and CRC are made right, so that what is behind them is reached.
func whole(b []byte) Batch {
	if len(b) < HeaderSize {
		return nil
	}
	batch := Batch(bytes.Clone(b))
	setLength(batch, int32(len(b)-PrefixSize))
	batch[posMagic] = CurrentMagic
	batch.seal()
	return batch
}

// known fails unless err is nil or of one of the package's kinds.
func known(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, kind := range []error{ErrShort, ErrCorrupt, ErrMagic, ErrCompression, ErrInvalidRecord, ErrTimestamp} {
		if errors.Is(err, kind) {
			return
		}
	}
	t.Fatalf("error of no kind: %v", err)
}

// FuzzNext: the pieces put together are the input; each piece is as long as it
// says; what cannot be split is left as it is.
func FuzzNext(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var joined []byte
		rest := b
		for len(rest) > 0 {
			batch, after, err := Next(rest)
			if err != nil {
				known(t, err)
				if !bytes.Equal(after, rest) {
					t.Fatal("an error, and bytes were consumed")
				}
				break
			}
			if batch.Length() != int64(len(batch)) || len(batch) < HeaderSize {
				t.Fatalf("%d bytes, length says %d", len(batch), batch.Length())
			}
			known(t, batch.Check())
			joined = append(joined, batch...)
			rest = after
		}
		if !bytes.Equal(append(joined, rest...), b) {
			t.Fatal("the pieces are not the input")
		}
	})
}

// FuzzValidate: no panic; an error has a kind, and leaves the batch alone. An
// accepted batch passes Check and another validation unchanged; its records
// are Count many, have the offsets 0, 1, 2 …, timestamps of which Info names the
// largest; and rebuilding it without any record keeps its state.
func FuzzValidate(f *testing.F) {
	seeds(f)
	c := new(Codecs)
	f.Fuzz(func(t *testing.T, b []byte) {
		batch := whole(b)
		if batch == nil {
			return
		}
		before := bytes.Clone(batch)
		rules := Rules{Now: now, Before: math.MaxInt64, After: math.MaxInt64, MaxDecompressed: 1 << 20}
		info, err := c.Validate(batch, rules)
		if err != nil {
			known(t, err)
			if !bytes.Equal(batch, before) {
				t.Fatal("refused and changed")
			}
			return
		}
		accepted(t, c, batch, info)
		copy(before, batch)
		if again, err := c.Validate(batch, rules); err != nil || again != info || !bytes.Equal(batch, before) {
			t.Fatalf("the second time: %+v, %v; the first time %+v", again, err, info)
		}
	})
}

// accepted verifies what must hold for a validated batch.
func accepted(t *testing.T, c *Codecs, b Batch, info Info) {
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	count, latest := int64(0), int64(NoTimestamp)
	for r, err := range c.Records(b) {
		if err != nil {
			t.Fatalf("accepted, and then: %v", err)
		}
		if r.Offset != count {
			t.Fatalf("record %d has offset %d", count, r.Offset)
		}
		count++
		latest = max(latest, r.Timestamp)
	}
	if count != int64(b.Count()) || count != int64(info.Count) || latest != info.MaxTimestamp || latest != b.MaxTimestamp() {
		t.Fatalf("%d records until %d; header has %d until %d, info %+v", count, latest, b.Count(), b.MaxTimestamp(), info)
	}
	empty, err := c.NewRebuilder().Rebuild(b, 0, func(*Record) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	sameState(t, empty, b)
}

// FuzzRecords: no panic; an error has a kind and is the last thing; without one
// there are Count records with rising offsets within the batch, and they come
// back from a batch that is built of them.
func FuzzRecords(f *testing.F) {
	seeds(f)
	c := new(Codecs)
	f.Fuzz(func(t *testing.T, b []byte) {
		batch := whole(b)
		if batch == nil || batch.BaseOffset() < 0 || batch.BaseOffset() > math.MaxInt64-math.MaxInt32 {
			return
		}
		var records []Record
		var failed error
		last := batch.BaseOffset() - 1
		for r, err := range c.Records(batch) {
			if failed != nil {
				t.Fatal("goes on after an error")
			}
			if failed = err; err == nil {
				if r.Offset <= last || r.Offset > batch.LastOffset() {
					t.Fatalf("offset %d after %d, the last is %d", r.Offset, last, batch.LastOffset())
				}
				last = r.Offset
				records = append(records, clone(r))
			}
		}
		known(t, failed)
		if failed == nil && len(records) != max(0, int(batch.Count())) {
			t.Fatalf("%d records, the header has %d", len(records), batch.Count())
		}
		rebuilt(t, c, batch.BaseOffset(), records)
	})
}

// rebuilt verifies that records come back from a new batch.
func rebuilt(t *testing.T, c *Codecs, base int64, records []Record) {
	b := c.NewBuilder(Head{BaseOffset: base, Codec: Snappy})
	for i := range records {
		if b.AppendAt(records[i]) != nil {
			records = records[:i] // a timestamp too far from the first, or an offset
			break
		}
	}
	if len(records) == 0 {
		return
	}
	batch, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	sameRecords(t, collect(t, c, batch), records)
}

// FuzzWalk: the three ways through records - the fast one, the general one
// and the streaming one - agree on any bytes, and so does the reader.
func FuzzWalk(f *testing.F) {
	for n := range 8 {
		b := build(f, produced(None), small()[:n+1]...)
		f.Add([]byte(b.Payload()), int32(n+1), now, false)
		f.Add([]byte(b.Payload()), int32(n), now, n%2 == 0)
		f.Add([]byte(withRecord(f, None, []byte{200, 1}).Payload()), int32(2), now, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, count int32, base int64, requireKey bool) {
		rules := Rules{Now: now, Before: 1 << 30, After: 1 << 40, RequireKey: requireKey}
		batch := payload(t, None, count, b)
		walkers := make([]walker, 3)
		for i := range walkers {
			walkers[i] = newWalker(batch, rules)
		}
		var s stream
		s.reset(iotest(b), math.MaxInt64)
		fast, general, streamed := walkers[0].plain(b), generalWalk(&walkers[1], b), walkers[2].streamed(&s)
		if (fast == nil) != (general == nil) || (fast == nil) != (streamed == nil) {
			t.Fatalf("fast: %v\ngeneral: %v\nstreamed: %v", fast, general, streamed)
		}
		known(t, fast)
		known(t, streamed)
		if fast == nil && (walkers[0].info() != walkers[1].info() || walkers[0].info() != walkers[2].info()) {
			t.Fatalf("fast: %+v\ngeneral: %+v\nstreamed: %+v", walkers[0].info(), walkers[1].info(), walkers[2].info())
		}
		if !reflect.DeepEqual(walkers[0].rejected, walkers[1].rejected) || !reflect.DeepEqual(walkers[0].rejected, walkers[2].rejected) {
			t.Fatalf("fast: %v\ngeneral: %v\nstreamed: %v", walkers[0].rejected, walkers[1].rejected, walkers[2].rejected)
		}
	})
}

// generalWalk is walker.plain without its fast path.
func generalWalk(w *walker, b []byte) (err error) {
	for i := range w.count {
		if b, err = w.any(b, i); err != nil {
			return err
		}
	}
	if len(b) > 0 {
		return ErrInvalidRecord
	}
	return nil
}

// iotest reads b in pieces of growing size.
func iotest(b []byte) io.Reader { return &pieces{b: b} }

type pieces struct {
	b []byte
	n int
}

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(to, p.b[:min(p.n, len(p.b))])
	p.b = p.b[n:]
	p.n = p.n%5 + 1
	return n, nil
}
