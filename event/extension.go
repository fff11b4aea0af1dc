package event

import (
	"iter"
	"slices"
	"strings"
)

// An extension is an attribute that the specification does not define.
type extension struct {
	name  string
	value Value
}

func byName(x extension, name string) int { return strings.Compare(x.name, name) }

// Extension returns an extension attribute; false if the event does not have it.
func (e *Event) Extension(name string) (Value, bool) {
	for i := range e.extensions {
		if x := &e.extensions[i]; x.name == name {
			return x.value, true
		}
	}
	return Value{}, false
}

// extension returns the text of one, or nothing.
func (e *Event) extension(name string) string {
	v, _ := e.Extension(name)
	return v.text
}

// Extensions gives the extension attributes by name.
func (e *Event) Extensions() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for _, x := range e.extensions {
			if !yield(x.name, x.value) {
				return
			}
		}
	}
}

// SetExtension sets an extension attribute. Copies of the event do not get it.
// Whether name and value may be so, [Event.Validate] says; it refuses the names of
// core attributes too.
func (e *Event) SetExtension(name string, value Value) {
	at, found := slices.BinarySearchFunc(e.extensions, name, byName)
	next := make([]extension, 0, len(e.extensions)+1)
	next = append(append(next, e.extensions[:at]...), extension{name, value})
	if found {
		at++
	}
	e.extensions = append(next, e.extensions[at:]...)
}

// RemoveExtension removes an extension attribute, if it is there. Copies of the
// event keep it.
func (e *Event) RemoveExtension(name string) {
	if at, found := slices.BinarySearchFunc(e.extensions, name, byName); found {
		e.extensions = slices.Concat(e.extensions[:at], e.extensions[at+1:])
	}
}
