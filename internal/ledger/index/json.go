package index

import (
	"bytes"
	"encoding/json"
	"slices"
)

// members gives the members of a JSON object whose values are strings, in order.
// It tells whether the text is an object; what stands in it is not checked further
// than is needed to find where members begin and end. Deep or long values cost no
// memory.
func members(text []byte, member func(name, value []byte)) bool {
	s := scanner{text}
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return s.atEnd()
	}
	for {
		name, ok := s.text()
		if !ok || !s.take(':') {
			return false
		}
		if s.is('"') {
			value, ok := s.text()
			if !ok {
				return false
			}
			member(name, value)
		} else if !s.skip() {
			return false
		}
		if s.take('}') {
			return s.atEnd()
		}
		if !s.take(',') {
			return false
		}
	}
}

// A scanner takes tokens off the front of rest.
type scanner struct{ rest []byte }

func (s *scanner) space() { s.rest = bytes.TrimLeft(s.rest, " \t\r\n") }

// is tells whether the next token begins with c.
func (s *scanner) is(c byte) bool {
	s.space()
	return len(s.rest) > 0 && s.rest[0] == c
}

func (s *scanner) take(c byte) bool {
	if !s.is(c) {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) atEnd() bool {
	s.space()
	return len(s.rest) == 0
}

// text takes a string, and gives what it stands for.
func (s *scanner) text() ([]byte, bool) {
	quoted, ok := s.quoted()
	if !ok {
		return nil, false
	}
	inner := quoted[1 : len(quoted)-1]
	if !slices.ContainsFunc(inner, func(c byte) bool { return c == '\\' || c < ' ' || c >= 0x80 }) {
		return inner, true
	}
	var text string
	err := json.Unmarshal(quoted, &text)
	return []byte(text), err == nil
}

// quoted takes a string with its quotation marks.
func (s *scanner) quoted() ([]byte, bool) {
	if !s.is('"') {
		return nil, false
	}
	for at := 1; ; {
		n := bytes.IndexAny(s.rest[at:], `"\`)
		switch {
		case n < 0:
			return nil, false
		case s.rest[at+n] == '\\':
			at += n + 2 // and what is escaped
			if at > len(s.rest) {
				return nil, false
			}
		default:
			end := at + n + 1
			quoted := s.rest[:end]
			s.rest = s.rest[end:]
			return quoted, true
		}
	}
}

// skip takes a value that is no string: up to the comma or bracket that ends it.
func (s *scanner) skip() bool {
	depth := 0
	s.space()
	for start := len(s.rest); len(s.rest) > 0; {
		switch s.rest[0] {
		case '"':
			if _, ok := s.quoted(); !ok {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				return len(s.rest) < start
			}
			if s.rest[0] != ',' {
				depth--
			}
		}
		s.rest = s.rest[1:]
	}
	return false
}
