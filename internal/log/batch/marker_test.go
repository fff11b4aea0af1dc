package batch

import (
	"bytes"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestAMarkerIsReadBack as it was made, and is a sound control batch without a
// sequence number.
func TestAMarkerIsReadBack(t *testing.T) {
	for _, m := range []Marker{{7, 3, 12, true}, {1 << 40, 32767, -1, false}} {
		b := m.Batch(now)
		if err := b.Check(); err != nil {
			t.Fatal(err)
		}
		if got, ok := b.Marker(); got != m || !ok {
			t.Errorf("got %+v, %v; want %+v", got, ok, m)
		}
		a := b.Attributes()
		if !a.Control() || !a.Transactional() || b.BaseSequence() != NoSequence || b.Count() != 1 || b.MaxTimestamp() != now {
			t.Errorf("attributes %#x, sequence %d, %d records at %d", a, b.BaseSequence(), b.Count(), b.MaxTimestamp())
		}
	}
}

// TestMarkersAreKafkas, read with franz-go's codec.
func TestMarkersAreKafkas(t *testing.T) {
	for kind, commit := range map[kmsg.ControlRecordKeyType]bool{kmsg.ControlRecordKeyTypeCommit: true, kmsg.ControlRecordKeyTypeAbort: false} {
		b := Marker{7, 3, 12, commit}.Batch(now)
		var k kmsg.ControlRecordKey
		var v kmsg.EndTxnMarker
		for _, r := range collect(t, new(Codecs), b) {
			if err := errors.Join(k.ReadFrom(r.Key), v.ReadFrom(r.Value)); err != nil {
				t.Fatal(err)
			}
		}
		if k.Version != 0 || k.Type != kind || v.Version != 0 || v.CoordinatorEpoch != 12 {
			t.Errorf("commit %v: key %+v, value %+v", commit, k, v)
		}
	}
}

// TestWhatEndsNoTransactionIsNoMarker: batches of records, control records of
// other types, and control batches that compaction has emptied.
func TestWhatEndsNoTransactionIsNoMarker(t *testing.T) {
	head := Head{Producer: &Producer{7, 3, NoSequence}, Transactional: true}
	key := []byte{0, 0, 0, 1}
	marker := Marker{7, 3, 12, true}.Batch(now)
	empty, err := new(Codecs).NewRebuilder().Rebuild(marker, 0, func(*Record) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	control := head
	control.Control = true
	for name, b := range map[string]Batch{
		"a record":     build(t, head, Record{Key: key, Value: make([]byte, 6)}),
		"another type": build(t, control, Record{Key: []byte{0, 0, 0, 2}, Value: make([]byte, 6)}),
		"emptied":      empty,
	} {
		if m, ok := b.Marker(); ok {
			t.Errorf("%s: %+v", name, m)
		}
		if err := b.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestABadMarkerIsCorruption.
func TestABadMarkerIsCorruption(t *testing.T) {
	head := Head{Producer: &Producer{7, 3, NoSequence}, Transactional: true, Control: true}
	value := make([]byte, 6)
	packed := head
	packed.Codec = Gzip
	for name, b := range map[string]Batch{
		"short key":   build(t, head, Record{Key: []byte{0, 0, 0}, Value: value}),
		"no key":      build(t, head, Record{Value: value}),
		"short value": build(t, head, Record{Key: []byte{0, 0, 0, 1}, Value: value[:5]}),
		"compressed":  build(t, packed, Record{Key: []byte{0, 0, 0, 1}, Value: value}),
		"no record":   mutate(build(t, head, Record{Key: []byte{0, 0, 0, 1}, Value: value}), func(b Batch) { b[HeaderSize] = 0 }),
	} {
		if err := b.Check(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if m, ok := b.Marker(); ok {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// TestALaterMarkerVersionIsReadAsThisOne: it may have fields behind those known.
func TestALaterMarkerVersionIsReadAsThisOne(t *testing.T) {
	head := Head{Producer: &Producer{7, 3, NoSequence}, Transactional: true, Control: true}
	b := build(t, head, Record{Key: []byte{0, 1, 0, 1, 9}, Value: []byte{0, 1, 0, 0, 0, 12, 9, 9}})
	if m, ok := b.Marker(); !ok || m != (Marker{7, 3, 12, true}) {
		t.Errorf("%+v, %v", m, ok)
	}
}

// FuzzMarker: no panic; what is read as a marker is the same after being written
// and read again; and what is none, or bad, is told by Check alone.
func FuzzMarker(f *testing.F) {
	f.Add([]byte(Marker{7, 3, 12, true}.Batch(now)))
	f.Add([]byte(Marker{1 << 40, 32767, -1, false}.Batch(now)))
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		batch := whole(b)
		if batch == nil {
			return
		}
		batch.setAttributes(batch.Attributes() | flagControl)
		batch.seal()
		before := bytes.Clone(batch)
		m, ok := batch.Marker()
		known(t, batch.Check())
		if !bytes.Equal(before, batch) {
			t.Fatal("reading changed the batch")
		}
		if !ok {
			return
		}
		if again, ok := m.Batch(now).Marker(); again != m || !ok {
			t.Fatalf("%+v became %+v, %v", m, again, ok)
		}
	})
}
