package batch

import (
	"encoding/binary"
	"fmt"
)

// Types of control records, the second number of their key (KIP-98). Those of
// other types, which Kafka has in its metadata topic, end no transaction.
const (
	controlAbort  = 0
	controlCommit = 1
)

// Sizes of a marker's key and value; later versions may add fields.
const (
	markerKeySize   = 4 // version int16, type int16
	markerValueSize = 6 // version int16, coordinator epoch int32
)

// Marker ends a transaction in one partition: it is the one record of a control
// batch (KIP-98).
type Marker struct {
	ProducerID       int64
	ProducerEpoch    int16
	CoordinatorEpoch int32 // of the transaction coordinator; a later one fences earlier ones
	Commit           bool  // or abort
}

// Batch makes the control batch, at offset 0, with the given time in ms since the
// epoch.
func (m Marker) Batch(timestamp int64) Batch {
	kind := uint16(controlAbort)
	if m.Commit {
		kind = controlCommit
	}
	key := binary.BigEndian.AppendUint16(make([]byte, 2, markerKeySize), kind)
	value := binary.BigEndian.AppendUint32(make([]byte, 2, markerValueSize), uint32(m.CoordinatorEpoch))
	b := Builder{plain: make([]byte, HeaderSize, HeaderSize+2*(markerKeySize+markerValueSize))}
	b.Reset(Head{Producer: &Producer{m.ProducerID, m.ProducerEpoch, NoSequence}, Transactional: true, Control: true})
	b.base = timestamp
	fields := raw{key: key, value: value}
	b.plain = fields.append(b.plain)
	b.added(0, timestamp)
	return b.finish(0, b.plain)
}

// Marker reads the marker of a control batch. ok is false if b is none, is one
// whose record compaction has removed, or one of another type.
func (b Batch) Marker() (m Marker, ok bool) {
	m, ok, _ = b.marker()
	return m, ok
}

// marker is Marker with what is wrong with a control batch: it wraps ErrCorrupt.
func (b Batch) marker() (m Marker, ok bool, err error) {
	if !b.Attributes().Control() || b.Count() == 0 {
		return Marker{}, false, nil
	}
	r, err := b.controlRecord()
	if err != nil {
		return Marker{}, false, err
	}
	if len(r.key) < markerKeySize {
		return Marker{}, false, fmt.Errorf("%w: control record with a key of %d bytes, want %d", ErrCorrupt, len(r.key), markerKeySize)
	}
	kind := binary.BigEndian.Uint16(r.key[2:])
	if kind != controlAbort && kind != controlCommit {
		return Marker{}, false, nil
	}
	if len(r.value) < markerValueSize {
		return Marker{}, false, fmt.Errorf("%w: transaction marker with a value of %d bytes, want %d", ErrCorrupt, len(r.value), markerValueSize)
	}
	return Marker{
		ProducerID:       b.ProducerID(),
		ProducerEpoch:    b.ProducerEpoch(),
		CoordinatorEpoch: int32(binary.BigEndian.Uint32(r.value[2:])),
		Commit:           kind == controlCommit,
	}, true, nil
}

// controlRecord is the first record of a control batch, which is never
// compressed.
func (b Batch) controlRecord() (r raw, err error) {
	if c := b.Attributes().Codec(); c != None {
		return raw{}, fmt.Errorf("%w: control batch compressed with %v", ErrCorrupt, c)
	}
	body, _, err := cutRecord(b.Payload())
	if err == nil {
		err = r.parse(body)
	}
	if err != nil {
		return raw{}, fmt.Errorf("%w: control record: %w", ErrCorrupt, err)
	}
	return r, nil
}
