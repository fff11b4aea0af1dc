package jsontext

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrSyntax is in every error about a text that is not JSON, or is beyond the
// limits.
var ErrSyntax = errors.New("not the JSON of a schema")

// Limits of a text. What is within them takes at most a few hundred times the
// memory of the text.
const (
	MaxBytes  = 4 << 20
	MaxDepth  = 200
	MaxValues = 500_000
)

// Parse reads one JSON value. Its errors wrap ErrSyntax and say at which byte.
func Parse(text string) (Value, error) {
	if len(text) > MaxBytes {
		return Value{}, fmt.Errorf("%w: it has %d bytes, and may have %d", ErrSyntax, len(text), MaxBytes)
	}
	if i := invalidUTF8(text); i >= 0 {
		return Value{}, fmt.Errorf("%w: byte %d is not UTF-8", ErrSyntax, i)
	}
	p := parser{text: text}
	v, err := p.value(0)
	if err == nil {
		if p.space(); p.at < len(text) {
			err = p.fail("more after the end of the value")
		}
	}
	if err != nil {
		return Value{}, err
	}
	return v, nil
}

func invalidUTF8(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}

// parser reads a text from the place at.
type parser struct {
	text   string
	at     int
	values int
}

func (p *parser) fail(format string, args ...any) error {
	return fmt.Errorf("%w: at byte %d: %s", ErrSyntax, p.at, fmt.Sprintf(format, args...))
}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// next takes a character that may come after white space.
func (p *parser) next(c byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) value(depth int) (Value, error) {
	p.space()
	if p.values++; p.values > MaxValues {
		return Value{}, p.fail("more than %d values", MaxValues)
	}
	if depth > MaxDepth {
		return Value{}, p.fail("nested deeper than %d", MaxDepth)
	}
	if p.at == len(p.text) {
		return Value{}, p.fail("the text ends where a value is due")
	}
	switch c := p.text[p.at]; {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.str()
		return Value{Kind: String, Text: s}, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, word := range []string{"null", "true", "false"} {
		if strings.HasPrefix(p.text[p.at:], word) {
			p.at += len(word)
			if word == "null" {
				return Value{Kind: Null}, nil
			}
			return Value{Kind: Bool, Text: word}, nil
		}
	}
	return Value{}, p.fail("%q begins no value", p.text[p.at])
}

func (p *parser) array(depth int) (Value, error) {
	p.at++
	v := Value{Kind: Array}
	if p.next(']') {
		return v, nil
	}
	for {
		item, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.Items = append(v.Items, item)
		if p.next(']') {
			return v, nil
		}
		if !p.next(',') {
			return v, p.fail("neither , nor ] after an item")
		}
	}
}

func (p *parser) object(depth int) (Value, error) {
	p.at++
	v := Value{Kind: Object}
	if p.next('}') {
		return v, nil
	}
	seen := names{}
	for {
		m, err := p.member(depth)
		if err != nil {
			return v, err
		}
		v.Members = append(v.Members, m)
		if seen.twice(v.Members) {
			return v, p.fail("member %q is given twice", m.Name)
		}
		if p.next('}') {
			return v, nil
		}
		if !p.next(',') {
			return v, p.fail("neither , nor } after a member")
		}
	}
}

func (p *parser) member(depth int) (Member, error) {
	if p.space(); p.at == len(p.text) || p.text[p.at] != '"' {
		return Member{}, p.fail("no name where a member is due")
	}
	name, err := p.str()
	if err != nil {
		return Member{}, err
	}
	if !p.next(':') {
		return Member{}, p.fail("no : after the name %q", name)
	}
	v, err := p.value(depth + 1)
	return Member{Name: name, Value: v}, err
}

// names are those of an object; few are compared one by one.
type names map[string]bool

// twice says whether the last of the members has the name of one before.
func (n *names) twice(members []Member) bool {
	const few = 16
	last := len(members) - 1
	if last < few {
		for _, m := range members[:last] {
			if m.Name == members[last].Name {
				return true
			}
		}
		return false
	}
	if last == few {
		for _, m := range members[:last] {
			(*n)[m.Name] = true
		}
	}
	known := (*n)[members[last].Name]
	(*n)[members[last].Name] = true
	return known
}

// number reads a number as RFC 8259 has it.
func (p *parser) number() (Value, error) {
	from := p.at
	if p.text[p.at] == '-' {
		p.at++
	}
	zero := p.at < len(p.text) && p.text[p.at] == '0'
	if n := p.digits(); n == 0 || zero && n > 1 {
		return Value{}, p.fail("%q is no number", p.text[from:p.at])
	}
	kind := Int
	if p.at < len(p.text) && p.text[p.at] == '.' {
		kind, p.at = Float, p.at+1
		if p.digits() == 0 {
			return Value{}, p.fail("%q is no number", p.text[from:p.at])
		}
	}
	if p.at < len(p.text) && (p.text[p.at] == 'e' || p.text[p.at] == 'E') {
		kind, p.at = Float, p.at+1
		if p.at < len(p.text) && (p.text[p.at] == '+' || p.text[p.at] == '-') {
			p.at++
		}
		if p.digits() == 0 {
			return Value{}, p.fail("%q is no number", p.text[from:p.at])
		}
	}
	if p.at-from > maxNumber {
		return Value{}, p.fail("a number of %d characters, where %d are the most", p.at-from, maxNumber)
	}
	return Value{Kind: kind, Text: p.text[from:p.at]}, nil
}

// maxNumber is the length of the longest number: arithmetic with exact numbers
// takes more than linear time.
const maxNumber = 1000

func (p *parser) digits() (n int) {
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
		n++
	}
	return n
}

// str reads a string; the text has been found to be UTF-8.
func (p *parser) str() (string, error) {
	p.at++
	from := p.at
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return p.text[from : p.at-1], nil
		case c == '\\':
			return p.escaped(from)
		case c < 0x20:
			return "", p.fail("a control character %#02x in a string", c)
		}
		p.at++
	}
	return "", p.fail("the text ends within a string")
}

// escaped goes on with a string in which there is an escape.
func (p *parser) escaped(from int) (string, error) {
	b := []byte(p.text[from:p.at])
	for p.at < len(p.text) {
		c := p.text[p.at]
		switch {
		case c == '"':
			p.at++
			return string(b), nil
		case c < 0x20:
			return "", p.fail("a control character %#02x in a string", c)
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, c)
			p.at++
		}
	}
	return "", p.fail("the text ends within a string")
}

func (p *parser) escape() (rune, error) {
	if p.at+1 >= len(p.text) {
		return 0, p.fail("the text ends within a string")
	}
	c := p.text[p.at+1]
	if c == 'u' {
		return p.unicode()
	}
	i := strings.IndexByte(`"\/bfnrt`, c)
	if i < 0 {
		return 0, p.fail(`\%c is no escape`, c)
	}
	p.at += 2
	return rune("\"\\/\b\f\n\r\t"[i]), nil
}

// unicode reads \uXXXX, or two of them for a character beyond 16 bits. Half a
// character is none.
func (p *parser) unicode() (rune, error) {
	hi, ok := p.hex()
	if !ok {
		return 0, p.fail(`\u without four hexadecimal digits`)
	}
	if !utf16.IsSurrogate(hi) {
		return hi, nil
	}
	lo, ok := p.hex()
	if r := utf16.DecodeRune(hi, lo); ok && r != utf8.RuneError {
		return r, nil
	}
	return 0, p.fail(`\u%04x is half a character`, hi)
}

func (p *parser) hex() (r rune, ok bool) {
	if p.at+6 > len(p.text) || p.text[p.at:p.at+2] != `\u` {
		return 0, false
	}
	for _, c := range []byte(p.text[p.at+2 : p.at+6]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	p.at += 6
	return r, true
}
