package batch

import (
	"errors"
	"fmt"
)

// Errors, by kind. All errors of this package wrap one of them. The comment
// names Kafka's error code for a produced batch; where Kafka's own code differs,
// docs/format/record-batch.md says why.
var (
	// ErrShort: the buffer ends before the batch does. Not a fault by itself: a
	// fetch may cut its last batch, and so may a crash. (CORRUPT_MESSAGE)
	ErrShort = errors.New("record batch is cut short")
	// ErrCorrupt: length, CRC or counts cannot be what was written.
	// (CORRUPT_MESSAGE, which clients retry)
	ErrCorrupt = errors.New("corrupt record batch")
	// ErrMagic: a message set of format 0 or 1, from before Kafka 0.11.
	// (UNSUPPORTED_FOR_MESSAGE_FORMAT)
	ErrMagic = errors.New("unsupported record batch format")
	// ErrCompression: a codec that Kafka has not defined.
	// (UNSUPPORTED_COMPRESSION_TYPE)
	ErrCompression = errors.New("unsupported compression")
	// ErrInvalidRecord: the bytes arrived as they were sent, and break a rule.
	// (INVALID_RECORD, which clients do not retry)
	ErrInvalidRecord = errors.New("invalid record")
	// ErrTimestamp: a timestamp out of the topic's range, or set to
	// LogAppendTime by a producer. (INVALID_TIMESTAMP)
	ErrTimestamp = errors.New("invalid timestamp")
)

// RecordError blames one record of a batch.
type RecordError struct {
	Index int32 // position in the batch, from 0
	Err   error // wraps one of the package's sentinels
}

func (e *RecordError) Error() string { return fmt.Sprintf("record %d: %v", e.Index, e.Err) }

// Unwrap gives the reason.
func (e *RecordError) Unwrap() error { return e.Err }

// blame makes a RecordError of kind ErrInvalidRecord.
func blame(index int32, format string, args ...any) error {
	return &RecordError{index, fmt.Errorf("%w: %w", ErrInvalidRecord, fmt.Errorf(format, args...))}
}

// Rejection names the records of a sound batch that break a topic's rules, in
// order. A produce response tells the producer of each (KIP-467). It has at least
// one and at most maxRejected.
type Rejection []*RecordError

// maxRejected bounds what a batch of bad records makes of an answer. The records
// behind that are refused with the rest of the batch, but not named.
const maxRejected = 1000

func (e Rejection) Error() string {
	if len(e) == 1 {
		return e[0].Error()
	}
	return fmt.Sprintf("%v, and %d more records are refused", e[0], len(e)-1)
}

// Unwrap gives the errors of the records.
func (e Rejection) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}
