package event

import (
	"errors"
	"io"
	"math/bits"
	"unicode/utf8"
)

// maxDepth is how deep JSON may be nested, the event itself counted.
const maxDepth = 512

// A scanner takes JSON (RFC 8259) off the front of a text, strictly. Its methods
// return false where the text is none; err says why. That the text is UTF-8 is
// checked apart, since it is fastest for all of it.
type scanner struct {
	text []byte
	at   int
	err  error
}

// errShort says that the text ends where JSON does not.
var errShort = errors.New("the text ends too early")

func (s *scanner) fail(reason string) bool {
	if s.at >= len(s.text) {
		s.err = &shortError{SyntaxError{int64(s.at), errShort.Error()}}
	} else {
		s.err = &SyntaxError{int64(s.at), reason}
	}
	return false
}

// A shortError says that more of the text might mend it.
type shortError struct{ SyntaxError }

func (e *shortError) Unwrap() []error { return []error{&e.SyntaxError, io.ErrUnexpectedEOF} }

// space skips white space.
func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// next returns the byte that the next token begins with; 0 at the end.
func (s *scanner) next() byte {
	s.space()
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// take takes a token of one byte.
func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return s.fail("want " + string(c))
	}
	s.at++
	return true
}

// end tells whether nothing but space is left.
func (s *scanner) end() bool {
	if s.space(); s.at < len(s.text) {
		return s.fail("something follows the end")
	}
	return true
}

// skip takes any value. It stands depth levels deep.
func (s *scanner) skip(depth int) bool {
	switch c := s.next(); c {
	case '{', '[':
		if depth >= maxDepth {
			return s.fail("nested too deep")
		}
		s.at++
		if c == '{' {
			return s.object(depth + 1)
		}
		return s.array(depth + 1)
	case '"':
		_, ok := s.quoted()
		return ok
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

// object takes the rest of an object.
func (s *scanner) object(depth int) bool {
	if s.next() == '}' {
		s.at++
		return true
	}
	for {
		if s.next() != '"' {
			return s.fail("want the name of a member")
		}
		if _, ok := s.quoted(); !ok || !s.take(':') || !s.skip(depth) {
			return false
		}
		if more, ok := s.another('}'); !more {
			return ok
		}
	}
}

// eachMember takes an object, and has the value of each member taken.
func (s *scanner) eachMember(value func(name quotation) bool) bool {
	if !s.take('{') {
		return false
	}
	if s.next() == '}' {
		s.at++
		return true
	}
	for {
		if s.next() != '"' {
			return s.fail("want the name of a member")
		}
		if name, ok := s.quoted(); !ok || !s.take(':') || !value(name) {
			return false
		}
		if more, ok := s.another('}'); !more {
			return ok
		}
	}
}

// array takes the rest of an array.
func (s *scanner) array(depth int) bool {
	if s.next() == ']' {
		s.at++
		return true
	}
	for {
		if !s.skip(depth) {
			return false
		}
		if more, ok := s.another(']'); !more {
			return ok
		}
	}
}

// another takes the comma before another value, or the bracket that closes.
func (s *scanner) another(closing byte) (more, ok bool) {
	switch s.next() {
	case ',':
		s.at++
		return true, true
	case closing:
		s.at++
		return false, true
	}
	return false, s.fail("want a comma or " + string(closing))
}

func (s *scanner) literal(word string) bool {
	for i := range len(word) {
		if s.at == len(s.text) || s.text[s.at] != word[i] {
			return s.fail("want a value")
		}
		s.at++
	}
	return true
}

// number takes a number.
func (s *scanner) number() bool {
	if s.at < len(s.text) && s.text[s.at] == '-' {
		s.at++
	}
	switch {
	case s.at < len(s.text) && s.text[s.at] == '0':
		s.at++
	case !s.digits():
		return s.fail("want a value")
	}
	if s.at < len(s.text) && s.text[s.at] == '.' {
		s.at++
		if !s.digits() {
			return s.fail("want a digit")
		}
	}
	if s.at < len(s.text) && s.text[s.at]|0x20 == 'e' {
		s.at++
		if s.at < len(s.text) && (s.text[s.at] == '+' || s.text[s.at] == '-') {
			s.at++
		}
		if !s.digits() {
			return s.fail("want a digit")
		}
	}
	return true
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.text) && isDigit(s.text[s.at]) {
		s.at++
	}
	return s.at > from
}

// A quotation is what stands between quotation marks.
type quotation struct {
	inner   []byte
	escaped bool // it has backslashes
}

// quoted takes a string, which the text goes on with.
func (s *scanner) quoted() (q quotation, ok bool) {
	s.at++
	from := s.at
	for {
		s.at += plain(s.text[s.at:])
		if s.at >= len(s.text) {
			return q, s.fail("")
		}
		switch s.text[s.at] {
		case '"':
			q.inner = s.text[from:s.at]
			s.at++
			return q, true
		case '\\':
			q.escaped = true
			if !s.escape() {
				return q, false
			}
		default:
			return q, s.fail("a control character in a string")
		}
	}
}

// escape takes a backslash and what it escapes.
func (s *scanner) escape() bool {
	s.at++
	if s.at >= len(s.text) {
		return s.fail("")
	}
	switch s.text[s.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return true
	case 'u':
		for range 4 {
			s.at++
			if s.at >= len(s.text) || !isHex(s.text[s.at]) {
				return s.fail("want four hexadecimal digits")
			}
		}
		s.at++
		return true
	}
	return s.fail("a backslash before what needs none")
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain returns how many bytes a text begins with that stand for themselves in a
// string: all but quotation marks, backslashes and control characters.
func plain[T string | []byte](text T) int {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		w := word(text, i)
		quote, slash := w^('"'*ones), w^('\\'*ones)
		// A bit is set in each byte that is one of them; above the lowest such byte also
		// in others.
		special := (w-' '*ones)&^w | (quote-ones)&^quote | (slash-ones)&^slash
		if special &= highs; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

func word[T string | []byte](text T, i int) uint64 {
	_ = text[i+7]
	return uint64(text[i]) | uint64(text[i+1])<<8 | uint64(text[i+2])<<16 | uint64(text[i+3])<<24 |
		uint64(text[i+4])<<32 | uint64(text[i+5])<<40 | uint64(text[i+6])<<48 | uint64(text[i+7])<<56
}

// appendTo appends what a quotation stands for. It is false if there is an escape of
// half a character (a surrogate without its pair).
func (q quotation) appendTo(dst []byte) ([]byte, bool) {
	if !q.escaped {
		return append(dst, q.inner...), true
	}
	for s := q.inner; len(s) > 0; {
		n := plain(s)
		dst = append(dst, s[:n]...)
		if s = s[n:]; len(s) == 0 {
			break
		}
		if s[1] != 'u' {
			dst = append(dst, unescaped(s[1]))
			s = s[2:]
			continue
		}
		r, size := escapedRune(s)
		if size == 0 {
			return dst, false
		}
		dst = utf8.AppendRune(dst, r)
		s = s[size:]
	}
	return dst, true
}

// plain returns what a quotation stands for, in the text's memory if it can. It is
// false as appendTo is.
func (q quotation) plain() ([]byte, bool) {
	if !q.escaped {
		return q.inner, true
	}
	return q.appendTo(make([]byte, 0, len(q.inner)))
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// escapedRune reads \uXXXX, or two that are one character; size 0 if it is half of
// one.
func escapedRune(s []byte) (r rune, size int) {
	r = hexRune(s[2:])
	switch {
	case r < 0xd800 || r > 0xdfff:
		return r, 6
	case r > 0xdbff || len(s) < 12 || s[6] != '\\' || s[7] != 'u':
		return 0, 0
	}
	low := hexRune(s[8:])
	if low < 0xdc00 || low > 0xdfff {
		return 0, 0
	}
	return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), 12
}

func hexRune(s []byte) rune {
	var r rune
	for _, c := range s[:4] {
		r = r<<4 | rune(hexValue(c))
	}
	return r
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// checkUTF8 returns an error that names the first byte that is not UTF-8.
func checkUTF8(text []byte) error {
	if utf8.Valid(text) {
		return nil
	}
	at := 0
	for {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n <= 1 {
			return &SyntaxError{int64(at), "not UTF-8"}
		}
		at += n
	}
}

// isValue tells whether a text is one JSON value, as deep as data may be.
func isValue(text []byte) bool {
	s := scanner{text: text}
	return utf8.Valid(text) && s.skip(1) && s.end()
}
