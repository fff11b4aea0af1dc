// Package frame reads and writes what stands before a payload to say which
// schema it has: Confluent's wire format, whose bytes are drawn in
// docs/format/schema-frame.md. It knows no registry and no language.
package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors of frames. A record whose value is ErrUnframed may be a record that
// has no schema; one that is ErrDamaged is none that its schema could be found
// for.
var (
	ErrUnframed = errors.New("no schema's frame")
	ErrDamaged  = errors.New("damaged schema's frame")
)

// Headers of a record that have the frame of its key and of its value, where a
// producer puts it there and not before the payload.
const (
	KeyHeader   = "__key_schema_id"
	ValueHeader = "__value_schema_id"
)

// The first byte says what follows: an id of four bytes, or a GUID of sixteen.
const (
	magicID   = 0
	magicGUID = 1
)

// maxIndexes is how deep a Protobuf message may be nested in others.
const maxIndexes = 100

// GUID is what a schema is known by in all registries that have it.
type GUID [16]byte

// String is the form with hyphens (RFC 9562).
func (g GUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", g[:4], g[4:6], g[6:8], g[8:10], g[10:])
}

// Frame says which schema a payload has.
type Frame struct {
	// ID is that of a schema in its registry, unless GUID is set.
	ID int32
	// GUID is not zero if the frame has it instead of an id.
	GUID GUID
}

// Decode reads the frame at the beginning of a value, or of a header, and
// returns what comes after it, which shares the value's memory: the payload,
// before which Indexes stand if the schema is Protobuf's.
func Decode(value []byte) (f Frame, rest []byte, err error) {
	switch {
	case len(value) == 0:
		return f, nil, fmt.Errorf("%w: it is empty", ErrUnframed)
	case value[0] == magicID && len(value) >= 5:
		f.ID = int32(binary.BigEndian.Uint32(value[1:]))
		if f.ID < 0 {
			return f, nil, fmt.Errorf("%w: the id %d is below 0", ErrDamaged, f.ID)
		}
		return f, value[5:], nil
	case value[0] == magicGUID && len(value) >= 17:
		f.GUID = GUID(value[1:17])
		if f.GUID == (GUID{}) {
			return f, nil, fmt.Errorf("%w: a GUID of zeros", ErrDamaged)
		}
		return f, value[17:], nil
	case value[0] > magicGUID:
		return f, nil, fmt.Errorf("%w: it begins with %#02x, where 0 (an id) or 1 (a GUID) is expected", ErrUnframed, value[0])
	}
	return f, nil, fmt.Errorf("%w: %d bytes after the first, %#02x", ErrUnframed, len(value)-1, value[0])
}

// Append writes the frame.
func (f Frame) Append(b []byte) []byte {
	if f.GUID != (GUID{}) {
		return append(append(b, magicGUID), f.GUID[:]...)
	}
	return binary.BigEndian.AppendUint32(append(b, magicID), uint32(f.ID))
}

// Indexes reads which message of a Protobuf schema a payload is: the index of a
// message in the file, then of messages within it. None stand for the first
// message, which most payloads are.
func Indexes(b []byte) (indexes []int, payload []byte, err error) {
	count, b, err := varint(b)
	if err != nil || count == 0 {
		return nil, b, err
	}
	if count < 0 || count > maxIndexes {
		return nil, nil, fmt.Errorf("%w: %d indexes of messages, where 0 to %d may be", ErrDamaged, count, maxIndexes)
	}
	indexes = make([]int, count)
	for i := range indexes {
		if indexes[i], b, err = varint(b); err != nil {
			return nil, nil, err
		}
		if indexes[i] < 0 {
			return nil, nil, fmt.Errorf("%w: %d as index of a message", ErrDamaged, indexes[i])
		}
	}
	return indexes, b, nil
}

// AppendIndexes writes indexes; the first message as the one byte 0.
func AppendIndexes(b []byte, indexes []int) []byte {
	if len(indexes) == 0 || len(indexes) == 1 && indexes[0] == 0 {
		return append(b, 0)
	}
	b = binary.AppendVarint(b, int64(len(indexes)))
	for _, i := range indexes {
		b = binary.AppendVarint(b, int64(i))
	}
	return b
}

// varint reads a zigzag number of at most 32 bits.
func varint(b []byte) (int, []byte, error) {
	v, n := binary.Varint(b[:min(len(b), binary.MaxVarintLen32)])
	if n <= 0 || int64(int32(v)) != v {
		return 0, nil, fmt.Errorf("%w: no number where the indexes of a message are due", ErrDamaged)
	}
	return int(v), b[n:], nil
}
