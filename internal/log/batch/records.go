package batch

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
)

// Records gives the batch's records in offset order, decompressed as needed.
// Offsets may have gaps, because compaction removes records. A record is valid
// until the next one is asked for. After an error, which wraps ErrInvalidRecord or
// ErrCompression, the sequence ends. Neither the header nor the CRC is checked.
//
// Memory is bounded by the largest record, not by the batch.
func (c *Codecs) Records(b Batch) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		r, err := c.open(b)
		if err != nil {
			yield(Record{}, err)
			return
		}
		defer r.close()
		for {
			if err := r.next(); err == io.EOF {
				return
			} else if err != nil {
				yield(Record{}, err)
				return
			}
			if !yield(r.record(), nil) {
				return
			}
		}
	}
}

// reader reads a batch's records one by one.
type reader struct {
	batch   Batch
	index   int32 // of the next record
	least   int64 // smallest offset delta that the next record may have
	plain   []byte
	stream  *stream // instead of plain, if compressed
	release func()  // of stream
	body    []byte  // the current record's bytes, without their length
	fields  raw     // and what they say
}

// open starts reading; the reader must be closed.
func (c *Codecs) open(b Batch) (*reader, error) {
	codec := b.Attributes().Codec()
	if codec == None || b.Count() == 0 {
		return &reader{batch: b, plain: b.Payload()}, nil
	}
	s, release, err := c.openStream(codec, b.Payload(), math.MaxInt32)
	if err != nil {
		return nil, err
	}
	return &reader{batch: b, stream: s, release: release}, nil
}

func (r *reader) close() {
	if r.release != nil {
		r.release()
	}
}

// next reads the next record, or gives io.EOF after the last one.
func (r *reader) next() (err error) {
	if r.index >= r.batch.Count() {
		return r.end()
	}
	if r.stream != nil {
		r.body, err = r.stream.record()
	} else {
		r.body, r.plain, err = cutRecord(r.plain)
	}
	if err == nil {
		err = r.fields.parse(r.body)
	}
	if err != nil {
		return blame(r.index, "%w", err)
	}
	if delta := int64(r.fields.offset); delta < r.least || delta > int64(r.batch.LastOffsetDelta()) {
		return blame(r.index, "offset delta is %d, want %d to %d", delta, r.least, r.batch.LastOffsetDelta())
	}
	r.least = int64(r.fields.offset) + 1
	r.index++
	return nil
}

var errFollows = errors.New("bytes follow the last record")

// end verifies that nothing follows the last record.
func (r *reader) end() error {
	err := error(nil)
	if r.stream != nil {
		err = r.stream.end()
	} else if len(r.plain) > 0 {
		err = errFollows
	}
	if err != nil {
		return fmt.Errorf("%w: after %d records: %w", ErrInvalidRecord, r.index, err)
	}
	return io.EOF
}

// record is the current record.
func (r *reader) record() Record {
	return Record{
		Offset:    r.batch.BaseOffset() + int64(r.fields.offset),
		Timestamp: r.timestamp(),
		Key:       r.fields.key,
		Value:     r.fields.value,
		Headers:   r.fields.headers,
	}
}

func (r *reader) timestamp() int64 {
	if r.batch.Attributes().LogAppendTime() {
		return r.batch.MaxTimestamp()
	}
	return r.batch.BaseTimestamp() + r.fields.timestamp
}

// record reads a record's length and gives the bytes that follow it, valid
// until the next read.
func (s *stream) record() ([]byte, error) {
	n := s.varint()
	if n < 1 {
		s.fail(fmt.Errorf("length is %d", n))
	}
	if s.err == nil {
		if body := s.take(int(n)); body != nil {
			return body, nil
		}
	}
	if s.err == io.EOF {
		s.err = io.ErrUnexpectedEOF
	}
	return nil, s.err
}
