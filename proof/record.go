package proof

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Kind tells what stands at an offset.
type Kind byte

// The kinds of docs/format/ledger.md.
const (
	Data    Kind = 1 // a record
	Control Kind = 2 // a control record: the marker that ends a transaction
	Lost    Kind = 3 // an offset without a record
)

// Reason tells why an offset has no record.
type Reason byte

// The reasons of offsets that are lost.
const (
	Removed    Reason = 1 // by compaction before the ledger came, or never there
	Expired    Reason = 2 // before the log's start when the ledger came
	Unreadable Reason = 3 // damaged
)

// A Record is what the ledger commits to at one offset.
type Record struct {
	Kind Kind

	// LogAppendTime tells that the timestamp is the log's and not the producer's.
	LogAppendTime bool
	// Transactional tells that the record is part of a transaction.
	Transactional bool
	// Reason is set for lost offsets only.
	Reason Reason

	Timestamp     int64 // Unix milliseconds; -1 for lost offsets
	ProducerID    int64 // -1 without one
	ProducerEpoch int16 // -1 without a producer id

	Key, Value []byte // nil is null, which differs from empty
	Headers    []Header
}

// A Header is one of a record's headers, in their order; keys may repeat.
type Header struct {
	Key   string
	Value []byte // nil is null
}

// LostRecord stands for an offset without a record.
func LostRecord(why Reason) Record {
	return Record{Kind: Lost, Reason: why, Timestamp: -1, ProducerID: -1, ProducerEpoch: -1}
}

const (
	flagLogAppendTime = 1 << 0
	flagTransactional = 1 << 1

	// fixedSize is the part of the canonical form before the body; the
	// timestamp lies in it at timestampAt.
	fixedSize   = 20
	timestampAt = 2
)

// AppendCanonical appends the record's canonical form to b and returns it.
func (r *Record) AppendCanonical(b []byte) []byte {
	b = append(b, byte(r.Kind), r.flags())
	b = binary.BigEndian.AppendUint64(b, uint64(r.Timestamp))
	b = binary.BigEndian.AppendUint64(b, uint64(r.ProducerID))
	b = binary.BigEndian.AppendUint16(b, uint16(r.ProducerEpoch))
	if r.Kind == Lost {
		return b
	}
	b = appendBytes(b, r.Key)
	b = appendBytes(b, r.Value)
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.Headers)))
	for _, h := range r.Headers {
		b = binary.BigEndian.AppendUint32(b, uint32(len(h.Key)))
		b = append(b, h.Key...)
		b = appendBytes(b, h.Value)
	}
	return b
}

func (r *Record) flags() byte {
	if r.Kind == Lost {
		return byte(r.Reason)
	}
	var f byte
	if r.LogAppendTime {
		f |= flagLogAppendTime
	}
	if r.Transactional {
		f |= flagTransactional
	}
	return f
}

func appendBytes(b, field []byte) []byte {
	if field == nil {
		return binary.BigEndian.AppendUint32(b, math.MaxUint32)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
	return append(b, field...)
}

var errCutOff = errors.New("canonical record: it ends too early")

// ParseRecord reads a canonical form, which must be the whole of b. Fields of
// the record share b's memory. No two forms give the same record.
func ParseRecord(b []byte) (Record, error) {
	if len(b) < fixedSize {
		return Record{}, errCutOff
	}
	r := Record{
		Kind:          Kind(b[0]),
		Timestamp:     int64(binary.BigEndian.Uint64(b[timestampAt:])),
		ProducerID:    int64(binary.BigEndian.Uint64(b[10:])),
		ProducerEpoch: int16(binary.BigEndian.Uint16(b[18:])),
	}
	flags, rest := b[1], b[fixedSize:]
	switch r.Kind {
	case Lost:
		return r.parseLost(flags, rest)
	case Data, Control:
		return r.parseBody(flags, rest)
	}
	return Record{}, fmt.Errorf("canonical record: kind %d is not known; is it from a newer version?", b[0])
}

func (r Record) parseLost(flags byte, rest []byte) (Record, error) {
	lost := LostRecord(Reason(flags))
	switch {
	case flags < byte(Removed) || flags > byte(Unreadable):
		return Record{}, fmt.Errorf("canonical record: an offset was lost for reason %d, which is not known", flags)
	case r.Timestamp != lost.Timestamp || r.ProducerID != lost.ProducerID || r.ProducerEpoch != lost.ProducerEpoch || len(rest) > 0:
		return Record{}, errors.New("canonical record: a lost offset has content")
	}
	return lost, nil
}

func (r Record) parseBody(flags byte, rest []byte) (Record, error) {
	if flags&^(flagLogAppendTime|flagTransactional) != 0 {
		return Record{}, fmt.Errorf("canonical record: flags %#02x are not known", flags)
	}
	r.LogAppendTime = flags&flagLogAppendTime != 0
	r.Transactional = flags&flagTransactional != 0
	d := decoder{rest: rest}
	r.Key = d.bytes()
	r.Value = d.bytes()
	r.Headers = d.headers()
	switch {
	case d.err != nil:
		return Record{}, d.err
	case len(d.rest) > 0:
		return Record{}, fmt.Errorf("canonical record: %d bytes follow its end", len(d.rest))
	}
	return r, nil
}

// A decoder takes fields off the front of rest, until the first error.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) uint32() uint32 {
	if d.err != nil || len(d.rest) < 4 {
		d.err = errCutOff
		return 0
	}
	n := binary.BigEndian.Uint32(d.rest)
	d.rest = d.rest[4:]
	return n
}

func (d *decoder) take(n uint32) []byte {
	if d.err != nil || uint64(n) > uint64(len(d.rest)) {
		d.err = errCutOff
		return nil
	}
	field := d.rest[:n:n]
	d.rest = d.rest[n:]
	return field
}

// bytes reads a length and as many bytes; nil for null.
func (d *decoder) bytes() []byte {
	n := d.uint32()
	if n == math.MaxUint32 || d.err != nil {
		return nil
	}
	return d.take(n)
}

// minHeader is the size of a header with an empty key and a null value.
const minHeader = 8

func (d *decoder) headers() []Header {
	n := d.uint32()
	if d.err != nil || uint64(n)*minHeader > uint64(len(d.rest)) {
		d.err = errCutOff
		return nil
	}
	if n == 0 {
		return nil
	}
	headers := make([]Header, n)
	for i := range headers {
		headers[i].Key = string(d.take(d.uint32()))
		headers[i].Value = d.bytes()
	}
	return headers
}
