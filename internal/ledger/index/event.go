package index

import (
	"bytes"
	"iter"
)

// A Field is something that a record can be found by.
type Field int

// The fields. ID, Type and Correlation are attributes of CloudEvents.
const (
	Key Field = iota
	ID
	Type
	Correlation
	fields int = iota
)

// An Event is what a record says of itself as a CloudEvent (Kafka binding 1.0.2);
// nil where it says nothing.
type Event struct {
	ID, Source, Type, Correlation []byte
}

// ByField returns the attribute that a field stands for; nil for Key.
func (e *Event) ByField(f Field) []byte {
	switch f {
	case ID:
		return e.ID
	case Type:
		return e.Type
	case Correlation:
		return e.Correlation
	}
	return nil
}

// maxStructured is how much of a value in structured mode is looked through, in
// bytes: more than brokers take by default.
const maxStructured = 4 << 20

// EventOf reads the attributes of a record from its headers (binary content
// mode, section 3.2 of the binding), or from its value if a header says that this
// is an event in JSON (structured content mode, section 3.3). Of headers that
// repeat the last one counts. What it returns aliases what it was given, or not.
func EventOf(headers iter.Seq2[[]byte, []byte], value []byte) Event {
	var e Event
	structured := false
	for key, v := range headers {
		if name, ok := bytes.CutPrefix(key, []byte("ce_")); ok {
			e.set(name, v)
		} else if string(key) == "content-type" {
			structured = isEventJSON(v)
		}
	}
	if structured && len(value) <= maxStructured {
		e = structuredEvent(value)
	}
	return e
}

// isEventJSON tells whether a media type is that of an event in JSON, with or
// without parameters.
func isEventJSON(contentType []byte) bool {
	media, _, _ := bytes.Cut(contentType, []byte(";"))
	return bytes.EqualFold(bytes.TrimSpace(media), []byte("application/cloudevents+json"))
}

// structuredEvent reads an event in JSON; nothing if it is none.
func structuredEvent(value []byte) Event {
	var e Event
	ok := members(value, e.set)
	if !ok {
		return Event{}
	}
	return e
}

// set takes an attribute of CloudEvents, if it is one that is looked for.
func (e *Event) set(name, value []byte) {
	switch string(name) {
	case "id":
		e.ID = value
	case "source":
		e.Source = value
	case "type":
		e.Type = value
	case "correlationid":
		e.Correlation = value
	}
}
