package event

import (
	"fmt"
	"strconv"
	"strings"
)

// A pointer is a JSON pointer (RFC 6901), its tokens unescaped.
type pointer []string

func parsePointer(s string) (pointer, error) {
	if s == "" {
		return pointer{}, nil
	}
	if s[0] != '/' {
		return nil, fmt.Errorf("%q is no JSON pointer: it does not begin with /, as in /event/id", s)
	}
	tokens := strings.Split(s[1:], "/")
	for i, t := range tokens {
		for _, after := range strings.Split(t, "~")[1:] {
			if !strings.HasPrefix(after, "0") && !strings.HasPrefix(after, "1") {
				return nil, fmt.Errorf("%q is no JSON pointer: ~ stands before 0 or 1 only", s)
			}
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return tokens, nil
}

// find returns the value that p points to in a text that is JSON; nil if there is
// none. A member on the way that repeats is an error.
func (p pointer) find(text []byte) ([]byte, error) {
	for _, token := range p {
		s := scanner{text: text}
		var err error
		switch s.next() {
		case '{':
			text, err = s.findMember(token)
		case '[':
			text = s.findElement(token)
		default:
			text = nil
		}
		if text == nil || err != nil {
			return nil, err
		}
	}
	s := scanner{text: text}
	return s.value(), nil
}

// value takes a value, and returns its text.
func (s *scanner) value() []byte {
	s.space()
	from := s.at
	s.skip(0)
	return s.text[from:s.at]
}

func (s *scanner) findMember(name string) (found []byte, err error) {
	s.eachMember(func(q quotation) bool {
		v := s.value()
		if key, _ := q.plain(); string(key) == name {
			if found != nil {
				err = fmt.Errorf("%w: the member %q is given twice", ErrInvalid, clip(name))
			}
			found = v
		}
		return true
	})
	return found, err
}

func (s *scanner) findElement(index string) []byte {
	n, err := strconv.Atoi(index)
	if err != nil || n < 0 || strconv.Itoa(n) != index {
		return nil
	}
	s.at++
	if s.next() == ']' {
		return nil
	}
	for ; ; n-- {
		v := s.value()
		if n == 0 {
			return v
		}
		if more, _ := s.another(']'); !more {
			return nil
		}
	}
}

// A Pointer finds a value in JSON (RFC 6901). The zero value points to all of it.
type Pointer struct{ tokens pointer }

// ParsePointer reads a pointer, such as /order/id.
func ParsePointer(s string) (Pointer, error) {
	p, err := parsePointer(s)
	return Pointer{p}, err
}

// Text returns the text of the string, or a number, true or false as it is written, that
// p points to; false if there is none of them, if the text is not JSON, or if a member on
// the way is given twice. It may alias the text.
func (p Pointer) Text(text []byte) ([]byte, bool) {
	if !isValue(text) {
		return nil, false
	}
	found, err := p.tokens.find(text)
	if err != nil || len(found) == 0 {
		return nil, false
	}
	switch found[0] {
	case '{', '[', 'n':
		return nil, false
	case '"':
		s := scanner{text: found}
		q, _ := s.quoted()
		return q.plain()
	}
	return found, true
}
