package batch

import (
	"errors"
	"fmt"
)

// Record is one record of a batch. Key, Value and Headers of a record that was
// read alias the batch, or a buffer that the next record overwrites.
type Record struct {
	Offset int64
	// Timestamp is in ms since the epoch: the producer's, or that of the append
	// if the batch is stamped with it; NoTimestamp if unknown.
	Timestamp int64
	Key       []byte // nil: no key
	Value     []byte // nil: a tombstone, in a compacted topic
	Headers   Headers
}

// Reasons why a record cannot be parsed; each is wrapped in ErrInvalidRecord
// and the record's index.
var (
	errLength      = errors.New("length is not a varint")
	errTimestamp   = errors.New("timestamp delta is not a varint")
	errOffset      = errors.New("offset delta is not a varint")
	errKey         = errors.New("key does not fit")
	errValue       = errors.New("value does not fit")
	errHeaderCount = errors.New("number of headers does not fit")
	errHeaderKey   = errors.New("header key is null or does not fit")
	errHeaderValue = errors.New("header value does not fit")
	errTrailing    = errors.New("length is larger than its fields")
)

// raw is a record as parsed, relative to its batch.
type raw struct {
	timestamp  int64 // delta
	offset     int32 // delta
	key, value []byte
	headers    Headers
}

// cutRecord splits the first record's fields, without their length, off b.
func cutRecord(b []byte) (body, rest []byte, err error) {
	n, at := varint(b, 0)
	if at < 0 {
		return nil, b, errLength
	}
	if n < 1 || int(n) > len(b)-at {
		return nil, b, fmt.Errorf("length is %d, %d bytes are left", n, len(b)-at)
	}
	end := at + int(n)
	return b[at:end:end], b[end:], nil
}

// parse reads the fields of a record, which must fill body. The first byte,
// the record's attributes, has no meaning yet and is ignored, as by Kafka.
func (r *raw) parse(body []byte) (err error) {
	at := 1
	if r.timestamp, at = varlong(body, at); at < 0 {
		return errTimestamp
	}
	if r.offset, at = varint(body, at); at < 0 {
		return errOffset
	}
	if r.key, at = field(body, at); at < 0 {
		return errKey
	}
	if r.value, at = field(body, at); at < 0 {
		return errValue
	}
	r.headers, err = parseHeaders(body, at)
	return err
}

// bodySize is the value of the record's length field.
func (r *raw) bodySize() int {
	return 1 + varintSize(r.timestamp) + varintSize(int64(r.offset)) +
		fieldSize(r.key) + fieldSize(r.value) +
		varintSize(int64(r.headers.n)) + len(r.headers.raw)
}

// append appends the record in its wire form.
func (r *raw) append(dst []byte) []byte {
	dst = appendVarint(dst, int64(r.bodySize()))
	dst = append(dst, 0)
	dst = appendVarint(dst, r.timestamp)
	dst = appendVarint(dst, int64(r.offset))
	dst = appendField(dst, r.key)
	dst = appendField(dst, r.value)
	dst = appendVarint(dst, int64(r.headers.n))
	return append(dst, r.headers.raw...)
}
