package dedup

import (
	"errors"
	"fmt"
	"strings"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/nearest"
)

// DefaultKey is what identifies an event, by CloudEvents 1.0.
const DefaultKey = "ce:source + ce:id"

// ErrKey is wrapped by what is wrong with a key expression.
var ErrKey = errors.New("key expression")

// maxKey is the longest key expression, in bytes.
const maxKey = 1 << 10

// A Key says where the id of a record is: in one or several parts of it.
type Key struct {
	text  string
	parts []part
}

// String is the expression as it was written.
func (k Key) String() string { return k.text }

// kind is what a part of an expression is taken from.
type kind uint8

const (
	recordKey kind = iota
	header
	attribute
	data
)

var kinds = map[string]kind{"header": header, "ce": attribute, "data": data}

// part is one of an expression.
type part struct {
	kind    kind
	name    string // of a header or an attribute
	pointer event.Pointer
}

// A KeyError says what is wrong at a place of a key expression. It wraps [ErrKey].
type KeyError struct {
	Text string // the expression
	At   int    // the byte, from 0
	What string
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("key expression %q, at %d: %s", e.Text, e.At+1, e.What)
}

// Unwrap is ErrKey.
func (e *KeyError) Unwrap() error { return ErrKey }

// ParseKey reads a key expression: parts with + between them, each of them
//
//	key             the record's key
//	header:NAME     its last header of that name
//	ce:NAME         an attribute of the CloudEvent that it is
//	data:/POINTER   a text, number or truth in JSON: the event's data, or the record's value
//
// A name with a space, a + or a quotation mark stands between quotation marks, in which
// \" and \\ are " and \. The error is a [*KeyError].
func ParseKey(text string) (Key, error) {
	p := keyParser{text: text}
	if len(text) > maxKey {
		return Key{}, p.fail(maxKey, "it has %d bytes, and must have %d at most", len(text), maxKey)
	}
	k := Key{text: text}
	for {
		part, err := p.part()
		if err != nil {
			return Key{}, err
		}
		k.parts = append(k.parts, part)
		p.space()
		if p.at == len(text) {
			return k, nil
		}
		if text[p.at] != '+' {
			return Key{}, p.fail(p.at, "want + or the end, and not %q", text[p.at:])
		}
		p.at++
	}
}

type keyParser struct {
	text string
	at   int
}

func (p *keyParser) fail(at int, format string, args ...any) error {
	return &KeyError{p.text, at, fmt.Sprintf(format, args...)}
}

func (p *keyParser) space() {
	p.at += len(p.text[p.at:]) - len(strings.TrimLeft(p.text[p.at:], " \t"))
}

const wanted = "key, header:NAME, ce:NAME or data:/POINTER"

func (p *keyParser) part() (part, error) {
	p.space()
	from := p.at
	for p.at < len(p.text) && strings.IndexByte(":+ \t\"", p.text[p.at]) < 0 {
		p.at++
	}
	word := p.text[from:p.at]
	colon := p.at < len(p.text) && p.text[p.at] == ':'
	switch k, ok := kinds[word]; {
	case word == "" && !colon:
		return part{}, p.fail(from, "a part is missing: want %s", wanted)
	case word == "key" && colon:
		return part{}, p.fail(p.at, "key has no name: it is the record's key; one of its headers is header:NAME")
	case word == "key":
		return part{kind: recordKey}, nil
	case !ok:
		return part{}, p.fail(from, "there is no %q%s", word, nearest.Hint(word, []string{"key", "header", "ce", "data"}, ": want "+wanted))
	case !colon:
		return part{}, p.fail(p.at, "%s wants a name, as in %s", word, example(k))
	default:
		p.at++
		return p.named(k)
	}
}

// named reads the name of a part.
func (p *keyParser) named(k kind) (part, error) {
	at := p.at
	name, err := p.name()
	if err != nil {
		return part{}, err
	}
	made := part{kind: k, name: name}
	switch {
	case name == "" && k != data:
		return part{}, p.fail(at, "the name is missing, as in %s", example(k))
	case k == attribute && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "":
		return part{}, p.fail(at, "no CloudEvent has an attribute %q: names are of a-z and 0-9", name)
	case k == attribute && name == "data":
		return part{}, p.fail(at, "an event's data is no attribute: data:/POINTER is a value in it")
	case k == data:
		if made.pointer, err = event.ParsePointer(name); err != nil {
			return part{}, p.fail(at, "%v", err)
		}
	}
	return made, nil
}

func example(k kind) string {
	return map[kind]string{header: "header:idempotency-key", attribute: "ce:id", data: "data:/order/id"}[k]
}

// name reads a name, with or without quotation marks.
func (p *keyParser) name() (string, error) {
	rest := p.text[p.at:]
	if !strings.HasPrefix(rest, `"`) {
		end := strings.IndexAny(rest, "+ \t\"")
		if end < 0 {
			end = len(rest)
		}
		p.at += end
		return rest[:end], nil
	}
	var name strings.Builder
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			p.at += i + 1
			return name.String(), nil
		case c == '\\':
			if i++; i == len(rest) || rest[i] != '"' && rest[i] != '\\' {
				return "", p.fail(p.at+i-1, `\ stands before " or \ only`)
			}
			name.WriteByte(rest[i])
		default:
			name.WriteByte(c)
		}
	}
	return "", p.fail(p.at, "the quotation mark is never closed")
}
