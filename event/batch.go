package event

import (
	"errors"
	"fmt"
	"io"
)

// Limits bound what is read.
type Limits struct {
	EventBytes int // of one event as it stands there; 1 MiB if 0
	Events     int // how many; without limit if 0
}

// DefaultEventBytes is how large an event of a batch may be if nothing else is said.
const DefaultEventBytes = 1 << 20

// A BatchError says which event of a batch could not be read or written.
type BatchError struct {
	Index  int   // from 0
	Offset int64 // of the event's beginning in the text, in bytes
	Err    error
}

func (e *BatchError) Error() string { return fmt.Sprintf("event %d of the batch: %v", e.Index, e.Err) }

// Unwrap returns what is wrong with the event.
func (e *BatchError) Unwrap() error { return e.Err }

// A BatchReader reads events of the JSON batch format from a stream, one by one, in
// memory for one event and what is read ahead. It is for one goroutine.
type BatchReader struct {
	input
	events int
	limits Limits
	state  func(*BatchReader) (bool, error) // before the next event
	err    error                            // after which there is nothing more
}

// NewBatchReader returns a reader of a batch. It reads ahead.
func NewBatchReader(r io.Reader, limits Limits) *BatchReader {
	if limits.EventBytes == 0 {
		limits.EventBytes = DefaultEventBytes
	}
	return &BatchReader{input: input{reader: r, most: limits.EventBytes}, limits: limits, state: (*BatchReader).first}
}

// Next returns the next event, or io.EOF after the last, when nothing follows the
// batch. An error that wraps [ErrInvalid] concerns one event only, as a [*BatchError],
// and the next can be read; after any other there is nothing more. The events' data
// stay as they are while reading goes on.
func (b *BatchReader) Next() (Event, error) {
	if b.err != nil {
		return Event{}, b.err
	}
	more, err := b.state(b)
	if err == nil && !more {
		err = io.EOF
	}
	if err != nil {
		b.err = err
		return Event{}, err
	}
	b.state = (*BatchReader).later
	return b.event()
}

// first takes what stands before the first event.
func (b *BatchReader) first() (more bool, err error) {
	if c, err := b.token(); err != nil || c != '[' {
		return false, b.unexpected(c, err, "a batch begins with [")
	}
	b.at++
	c, err := b.token()
	if err != nil {
		return false, b.unexpected(c, err, "")
	}
	if c == ']' {
		return false, b.last()
	}
	return true, nil
}

// later takes what stands between events.
func (b *BatchReader) later() (more bool, err error) {
	c, err := b.token()
	switch {
	case err == nil && c == ',':
		b.at++
		return true, nil
	case err == nil && c == ']':
		return false, b.last()
	}
	return false, b.unexpected(c, err, "want a comma or ]")
}

// last takes the end, and looks that nothing follows it.
func (b *BatchReader) last() error {
	b.at++
	c, err := b.token()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return b.unexpected(c, err, "something follows the batch")
}

// event reads an event, with as much of the stream as that takes: attempts that
// found too little of it are made again with twice as much.
func (b *BatchReader) event() (Event, error) {
	index := b.events
	b.events++
	if b.limits.Events > 0 && b.events > b.limits.Events {
		return Event{}, b.fatal(index, fmt.Errorf("%w: it has more than %d events", ErrTooLarge, b.limits.Events))
	}
	if c, err := b.token(); err != nil || c != '{' {
		return Event{}, b.fatal(index, b.unexpected(c, err, "an event begins with {"))
	}
	for {
		text := b.unread()
		d := decoder{scanner: scanner{text: text}}
		ok := d.members()
		if short := (*shortError)(nil); errors.As(d.scanner.err, &short) {
			err := b.more(2 * len(text))
			if err == nil {
				continue
			}
			return Event{}, b.fatal(index, err)
		}
		if !ok {
			return Event{}, b.fatal(index, b.shift(d.scanner.err))
		}
		return b.decoded(index, &d)
	}
}

// decoded returns an event whose end was found.
func (b *BatchReader) decoded(index int, d *decoder) (Event, error) {
	offset := b.offset()
	text := d.scanner.text[:d.at]
	if len(text) > b.limits.EventBytes {
		return Event{}, b.fatal(index, b.tooLarge())
	}
	if err := checkUTF8(text); err != nil {
		return Event{}, b.fatal(index, b.shift(err))
	}
	b.at += d.at
	e, err := d.event()
	if err != nil {
		return Event{}, &BatchError{index, offset, err}
	}
	return e, nil
}

// fatal ends the batch.
func (b *BatchReader) fatal(index int, err error) error {
	b.err = &BatchError{index, b.offset(), err}
	return b.err
}
