package event

import (
	"bytes"
	"iter"
)

// SpecVersion is the version of CloudEvents that events have, their attribute
// specversion. Events of others are refused.
const SpecVersion = "1.0"

// SafeSize is how large an event may be, in bytes on the wire, for every
// intermediary to have to forward it (CloudEvents 1.0, "Size Limits").
const SafeSize = 64 << 10

// An Event is a CloudEvent 1.0. It may be copied by assignment: no method changes
// what two copies share. An attribute that is empty is not there.
type Event struct {
	ID      string // unique with Source; required
	Source  string // URI-reference: where it happened; required
	Type    string // what happened; required
	Subject string // what it happened to, within the source
	Time    Timestamp
	// DataContentType is the media type of Data. Nothing is assumed of data without.
	DataContentType string
	DataSchema      string // URI of the schema that Data keeps

	extensions []extension // sorted by name; never changed, only replaced

	// Data is what the event says; nil if there is none, which is not the same as
	// empty. It may share memory with what the event was read from.
	Data []byte
}

// Names of the attributes that the specification defines, and of those that it
// documents as extensions and Evident knows.
const (
	attrID          = "id"
	attrSource      = "source"
	attrSpecVersion = "specversion"
	attrType        = "type"
	attrSubject     = "subject"
	attrTime        = "time"
	attrContentType = "datacontenttype"
	attrSchema      = "dataschema"

	// PartitionKey groups events that belong in one partition (Partitioning).
	PartitionKey = "partitionkey"
	// TraceParent and TraceState are W3C's trace context of the beginning of the
	// event's way (Distributed Tracing).
	TraceParent = "traceparent"
	TraceState  = "tracestate"
	// CorrelationID is the same for all events of one flow, CausationID the id of the
	// event that led to this one (Correlation).
	CorrelationID = "correlationid"
	CausationID   = "causationid"
	// DataRef says where data is that is not here, or also here (Dataref).
	DataRef = "dataref"
)

// Attribute returns an attribute by name; false if it is not set.
func (e *Event) Attribute(name string) (Value, bool) {
	if name == attrSpecVersion {
		return String(SpecVersion), true
	}
	if field, kind := e.core(name); field != nil {
		return Value{*field, kind}, *field != ""
	}
	return e.Extension(name)
}

// core returns where a core attribute is kept, and its type; nil for others.
func (e *Event) core(name string) (*string, Kind) {
	switch name {
	case attrID:
		return &e.ID, KindString
	case attrSource:
		return &e.Source, KindURIReference
	case attrType:
		return &e.Type, KindString
	case attrSubject:
		return &e.Subject, KindString
	case attrTime:
		return (*string)(&e.Time), KindTimestamp
	case attrContentType:
		return &e.DataContentType, KindString
	case attrSchema:
		return &e.DataSchema, KindURI
	}
	return nil, 0
}

// coreNames are the names of core attributes in the order in which they are written.
var coreNames = [...]string{attrSpecVersion, attrID, attrSource, attrType, attrSubject, attrTime, attrContentType, attrSchema}

// Attributes gives all attributes that are set: the core ones in the order of
// the fields, beginning with specversion, then extensions by name.
func (e *Event) Attributes() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for _, name := range coreNames {
			if v, ok := e.Attribute(name); ok && !yield(name, v) {
				return
			}
		}
		for _, x := range e.extensions {
			if !yield(x.name, x.value) {
				return
			}
		}
	}
}

// PartitionKey returns what decides over the event's partition: the attribute
// partitionkey, or else the subject; false if it has neither.
func (e *Event) PartitionKey() (string, bool) {
	if key := e.extension(PartitionKey); key != "" {
		return key, true
	}
	return e.Subject, e.Subject != ""
}

// Equal tells whether two events have the same attributes, by their canonical
// strings, and the same data.
func (e *Event) Equal(other *Event) bool {
	if len(e.extensions) != len(other.extensions) {
		return false
	}
	for i, x := range e.extensions {
		if y := other.extensions[i]; x.name != y.name || x.value.text != y.value.text {
			return false
		}
	}
	for _, name := range coreNames {
		a, _ := e.Attribute(name)
		b, _ := other.Attribute(name)
		if a.text != b.text {
			return false
		}
	}
	return bytes.Equal(e.Data, other.Data) && (e.Data == nil) == (other.Data == nil)
}
