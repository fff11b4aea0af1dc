package event

import (
	"errors"
	"fmt"
	"io"
)

// chunk is how much is read ahead, in bytes.
const chunk = 64 << 10

// An input is a stream that is looked at in pieces. What was seen of it stays as it
// is: memory is appended to, or left to those who have it.
type input struct {
	reader io.Reader
	most   int    // how much may have to be in memory at once, in bytes
	buf    []byte // what was read
	at     int    // how much of buf is done with
	done   int64  // how much was read before buf
	ended  error  // what the reader said last; io.EOF at its end
}

func (in *input) unread() []byte { return in.buf[in.at:] }

// offset is where in the stream it goes on.
func (in *input) offset() int64 { return in.done + int64(in.at) }

// more reads until there are want bytes, or the stream ends; an error says that it
// brought nothing new.
func (in *input) more(want int) error {
	had := len(in.unread())
	if had > in.most {
		return in.tooLarge()
	}
	want = min(max(want, had+1), in.most+1)
	in.grow(want)
	for tries := 0; len(in.unread()) < want && in.ended == nil; {
		n, err := in.reader.Read(in.buf[len(in.buf):cap(in.buf)])
		in.buf, in.ended = in.buf[:len(in.buf)+n], err
		if tries++; n > 0 {
			tries = 0
		}
		if tries > 100 {
			in.ended = io.ErrNoProgress
		}
	}
	switch {
	case len(in.unread()) > had:
		return nil
	case errors.Is(in.ended, io.EOF):
		return &shortError{SyntaxError{in.offset() + int64(had), errShort.Error()}}
	}
	return in.ended
}

// grow makes room for want bytes that are not done with.
func (in *input) grow(want int) {
	if in.at+want <= cap(in.buf) {
		return
	}
	next := make([]byte, len(in.unread()), max(chunk, want, 2*len(in.unread())))
	copy(next, in.unread())
	in.done += int64(in.at)
	in.buf, in.at = next, 0
}

// token skips white space and returns the byte that follows it; io.EOF if none does.
func (in *input) token() (byte, error) {
	for {
		s := scanner{text: in.buf, at: in.at}
		c := s.next()
		in.at = s.at
		if in.at < len(in.buf) {
			return c, nil
		}
		if err := in.more(1); err != nil {
			if short := (*shortError)(nil); errors.As(err, &short) {
				err = io.EOF
			}
			return 0, err
		}
	}
}

// unexpected is the error of a byte that may not be there, or of none.
func (in *input) unexpected(c byte, err error, reason string) error {
	switch {
	case errors.Is(err, io.EOF):
		return &shortError{SyntaxError{in.offset(), errShort.Error()}}
	case err != nil:
		return err
	}
	return &SyntaxError{in.offset(), fmt.Sprintf("%q: %s", c, reason)}
}

// shift gives a syntax error its offset in the stream.
func (in *input) shift(err error) error {
	if s := (*SyntaxError)(nil); errors.As(err, &s) {
		return &SyntaxError{s.Offset + in.offset(), s.Reason}
	}
	return err
}

func (in *input) tooLarge() error {
	return fmt.Errorf("%w: an event has more than %d bytes", ErrTooLarge, in.most)
}
