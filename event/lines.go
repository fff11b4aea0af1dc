package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// A LineReader reads events in JSON from a stream that has one on each line (NDJSON),
// each as soon as its line is there. Empty lines are passed over. It is for one
// goroutine.
type LineReader struct {
	input
	lines  int
	events int
	limits Limits
	err    error
}

// NewLineReader returns a reader of lines. It reads ahead.
func NewLineReader(r io.Reader, limits Limits) *LineReader {
	if limits.EventBytes == 0 {
		limits.EventBytes = DefaultEventBytes
	}
	return &LineReader{input: input{reader: r, most: limits.EventBytes}, limits: limits}
}

// Next returns the next event, or io.EOF after the last line, which need not end with
// a newline. A [*BatchError] that wraps [ErrInvalid] or [ErrSyntax] concerns one line
// only, and its Index counts events; after any other error there is nothing more. The
// events' data stay as they are while reading goes on.
func (r *LineReader) Next() (Event, error) {
	for r.err == nil {
		offset := r.offset()
		line, err := r.line()
		if err != nil {
			r.err = err
			break
		}
		if line = bytes.TrimRight(line, " \t\r"); len(line) == 0 {
			continue
		}
		return r.event(line, offset)
	}
	return Event{}, r.err
}

// Buffered tells whether Next would return without waiting for the stream.
func (r *LineReader) Buffered() bool {
	return r.err != nil || bytes.IndexByte(bytes.TrimLeft(r.unread(), " \t\r\n"), '\n') >= 0
}

func (r *LineReader) event(line []byte, offset int64) (Event, error) {
	index := r.events
	r.events++
	if r.limits.Events > 0 && r.events > r.limits.Events {
		r.err = &BatchError{index, offset, fmt.Errorf("%w: there are more than %d events", ErrTooLarge, r.limits.Events)}
		return Event{}, r.err
	}
	e, err := ParseJSON(line)
	if err != nil {
		return Event{}, &BatchError{index, offset, fmt.Errorf("line %d: %w", r.lines, err)}
	}
	return e, nil
}

// line takes the next line, without its newline.
func (r *LineReader) line() ([]byte, error) {
	r.lines++
	for seen := 0; ; {
		text := r.unread()
		if n := bytes.IndexByte(text[seen:], '\n'); n >= 0 {
			if seen += n; seen > r.most {
				return nil, fmt.Errorf("line %d: %w", r.lines, r.tooLarge())
			}
			r.at += seen + 1
			return text[:seen:seen], nil
		}
		seen = len(text)
		err := r.more(seen + 1)
		switch short := (*shortError)(nil); {
		case err == nil:
		case !errors.As(err, &short):
			return nil, fmt.Errorf("line %d: %w", r.lines, err)
		case seen == 0:
			return nil, io.EOF
		default:
			r.at += seen
			return text[:seen:seen], nil
		}
	}
}
