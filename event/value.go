package event

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"
)

// A Kind is a type of CloudEvents' type system.
type Kind uint8

// The types. Header forms carry all of them as text, and JSON all but Boolean and
// Integer: an extension that was read is of one of these two or a String, whatever
// it was when it was written. Its canonical string is always the same.
const (
	KindString Kind = iota
	KindBoolean
	KindInteger
	KindBinary
	KindURI
	KindURIReference
	KindTimestamp
)

func (k Kind) String() string {
	switch k {
	case KindString:
		return "String"
	case KindBoolean:
		return "Boolean"
	case KindInteger:
		return "Integer"
	case KindBinary:
		return "Binary"
	case KindURI:
		return "URI"
	case KindURIReference:
		return "URI-reference"
	case KindTimestamp:
		return "Timestamp"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// A Value is that of an attribute: its canonical string, and the type that it is
// known to have.
type Value struct {
	text string
	kind Kind
}

// String returns a value of type String.
func String(s string) Value { return Value{s, KindString} }

// Boolean returns a value of type Boolean.
func Boolean(b bool) Value { return Value{strconv.FormatBool(b), KindBoolean} }

// Integer returns a value of type Integer.
func Integer(n int32) Value { return Value{strconv.FormatInt(int64(n), 10), KindInteger} }

// Binary returns a value of type Binary; its canonical string is base64.
func Binary(b []byte) Value { return Value{base64.StdEncoding.EncodeToString(b), KindBinary} }

// URI returns a value of type URI, which is one with a scheme.
func URI(s string) Value { return Value{s, KindURI} }

// URIReference returns a value of type URI-reference.
func URIReference(s string) Value { return Value{s, KindURIReference} }

// Time returns a value of type Timestamp.
func Time(t Timestamp) Value { return Value{string(t), KindTimestamp} }

// Kind returns the type that the value is known to have.
func (v Value) Kind() Kind { return v.kind }

// String returns the canonical string.
func (v Value) String() string { return v.text }

// Bool returns a value that is the canonical string of a Boolean.
func (v Value) Bool() (bool, error) {
	switch v.text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, v.not(KindBoolean, "true and false are")
}

// Int returns a value that is the canonical string of an Integer.
func (v Value) Int() (int32, error) {
	if len(v.text) == 0 || v.text[0] == '+' {
		return 0, v.not(KindInteger, "digits with or without a minus sign are")
	}
	n, err := strconv.ParseInt(v.text, 10, 32)
	if err != nil {
		return 0, v.not(KindInteger, "a number from -2147483648 to 2147483647 is")
	}
	return int32(n), nil
}

// Bytes returns what a value is the base64 of.
func (v Value) Bytes() ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(v.text)
	if err != nil {
		return nil, v.not(KindBinary, "base64 with padding is")
	}
	return b, nil
}

// Time returns a value that is the canonical string of a Timestamp.
func (v Value) Time() (time.Time, error) { return Timestamp(v.text).Time() }

func (v Value) not(kind Kind, what string) error {
	return fmt.Errorf("%w: %q is no %v, %s one", ErrInvalid, clip(v.text), kind, what)
}

// fault says what is wrong with a value of its type; nothing if it is right.
func (v Value) fault() string {
	switch v.kind {
	case KindString:
		return textFault(v.text)
	case KindBoolean:
		return faultOf(v.Bool())
	case KindInteger:
		return faultOf(v.Int())
	case KindBinary:
		return faultOf(v.Bytes())
	case KindURI:
		return uriFault(v.text)
	case KindURIReference:
		return referenceFault(v.text)
	case KindTimestamp:
		return timeFault(v.text)
	}
	return "is of a type that is not known"
}

func faultOf[T any](_ T, err error) string {
	if err != nil {
		return "is not what its type asks for"
	}
	return ""
}
