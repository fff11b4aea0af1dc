package event

import (
	"encoding/base64"
	"strconv"
)

// The members of an event in JSON that are no attributes.
const (
	memberData   = "data"
	memberBase64 = "data_base64"
)

// ParseJSON reads an event in the JSON event format. Its attributes are copied; its
// Data is a part of text, if it can be, and text must not be changed afterwards.
//
// It is strict: members must not repeat, a text must be UTF-8 without halves of
// characters, and the event valid. The error is a [*SyntaxError] or an
// [*AttributeError]. Data that has no content type is application/json, as the format
// says, and Data is then the JSON value as it stands there.
func ParseJSON(text []byte) (Event, error) {
	if err := checkUTF8(text); err != nil {
		return Event{}, err
	}
	d := decoder{scanner: scanner{text: text}}
	if !d.members() || !d.end() {
		return Event{}, d.scanner.err
	}
	return d.event()
}

// A decoder reads one event. What is wrong with the event, not with the JSON, does
// not keep it from finding the event's end.
type decoder struct {
	scanner
	packer
	data   []byte // the member data as it stands there; nil if there is none
	base64 []byte // what the member data_base64 stands for; nil if there is none
}

// members takes an object.
func (d *decoder) members() bool {
	return d.eachMember(d.member)
}

// member takes the value of a member.
func (d *decoder) member(quoted quotation) bool {
	name, _ := quoted.plain() // half a character is in no name that is one
	switch string(name) {
	case memberData:
		return d.dataMember()
	case memberBase64:
		return d.base64Member()
	}
	if !isName(name) {
		d.refuse(view(name), "", nameFault(view(name)))
	}
	return d.attribute(view(name))
}

// attribute takes the value of an attribute (JSON event format, section 2.2).
func (d *decoder) attribute(name string) bool {
	switch d.next() {
	case '"':
		return d.text(name)
	case 'n':
		return d.literal("null") // as if it were not there
	case 't':
		d.add(name, Boolean(true))
		return d.literal("true")
	case 'f':
		d.add(name, Boolean(false))
		return d.literal("false")
	case '{', '[':
		d.refuse(name, "", "is an object or an array, and must be a string, an integer or a boolean")
		return d.skip(1)
	}
	return d.integer(name)
}

// text takes the value of an attribute that is a string.
func (d *decoder) text(name string) bool {
	q, ok := d.quoted()
	if !ok {
		return false
	}
	text, whole := q.plain()
	if !whole {
		d.refuse(name, view(q.inner), "has an escape of half a character")
	}
	d.add(name, Value{view(text), KindString})
	return true
}

// integer takes the value of an attribute that is a number, which must fit into 32
// bits.
func (d *decoder) integer(name string) bool {
	from := d.at
	if !d.number() {
		return false
	}
	text := view(d.scanner.text[from:d.at])
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		d.refuse(name, text, "is no integer from -2147483648 to 2147483647")
	}
	if n == 0 {
		text = "0" // and not -0
	}
	d.add(name, Value{text, KindInteger})
	return true
}

func (d *decoder) dataMember() bool {
	d.space()
	from := d.at
	if !d.skip(1) {
		return false
	}
	if d.data != nil {
		d.refuse(memberData, "", "is given twice")
	}
	d.data = d.scanner.text[from:d.at:d.at]
	return true
}

func (d *decoder) base64Member() bool {
	switch d.next() {
	case 'n':
		return d.literal("null")
	case '"':
	default:
		d.refuse(memberBase64, "", "must be a string")
		return d.skip(1)
	}
	q, ok := d.quoted()
	if !ok {
		return false
	}
	if d.base64 != nil {
		d.refuse(memberBase64, "", "is given twice")
	}
	text, _ := q.plain()
	d.base64 = make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(d.base64, text)
	if err != nil {
		d.refuse(memberBase64, view(text), "is no base64 with padding")
	}
	d.base64 = d.base64[:n:n]
	return true
}

// event makes the event of what was read.
func (d *decoder) event() (Event, error) {
	d.own()
	e, err := d.packer.event()
	if err != nil {
		return Event{}, err
	}
	if err := e.Validate(); err != nil {
		return Event{}, err
	}
	switch {
	case d.data != nil && d.base64 != nil:
		return Event{}, &AttributeError{memberData, "", "and " + memberBase64 + " are both given"}
	case d.base64 != nil:
		e.Data = d.base64
	case d.data != nil:
		if e.Data, err = dataOf(d.data, &e); err != nil {
			return Event{}, err
		}
	}
	return e, nil
}

// dataOf returns what the member data stands for (JSON event format, section 3.1.2).
func dataOf(member []byte, e *Event) ([]byte, error) {
	if e.DataContentType == "" {
		e.DataContentType = applicationJSON
	}
	if IsJSON(e.DataContentType) {
		return member, nil
	}
	switch {
	case member[0] != '"':
		return nil, &AttributeError{memberData, string(member), "must be a string, since its content type " + strconv.Quote(e.DataContentType) + " is not JSON"}
	case !isUTF8(e.DataContentType):
		return nil, &AttributeError{attrContentType, e.DataContentType, "has another charset than UTF-8: give the data as " + memberBase64}
	}
	s := scanner{text: member}
	q, _ := s.quoted()
	data, whole := q.plain()
	if !whole {
		return nil, &AttributeError{memberData, string(member), "has an escape of half a character"}
	}
	return data, nil
}
