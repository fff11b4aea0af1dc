package event

import (
	"fmt"
	"time"
)

// A Header is one of a Kafka record. That of franz-go can be converted to it.
type Header struct {
	Key   string
	Value []byte
}

// A Record is a Kafka record. Writing one, events fill Key, Value and Headers; where
// it lies matters to [View] only.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp time.Time // zero if it has none
	Key       []byte    // nil if it has none
	Value     []byte    // nil if it has none
	Headers   []Header
}

const (
	kafkaPrefix      = "ce_"
	kafkaContentType = "content-type"
)

// FromRecord reads the event of a Kafka record (CloudEvents Kafka binding 1.0.2), in
// structured mode if its header content-type says so, and otherwise in binary mode.
// Its Data is a part of the record's value. A record with neither that nor a header
// ce_specversion gives [ErrNotEvent]; one of another format [ErrFormat]. The key is no
// part of the event.
func FromRecord(r *Record) (Event, error) {
	contentType, found := "", false
	for _, h := range r.Headers {
		if h.Key != kafkaContentType {
			continue
		}
		if found {
			return Event{}, &AttributeError{attrContentType, string(h.Value), "is given twice, by two headers " + kafkaContentType}
		}
		contentType, found = string(h.Value), true
	}
	switch ModeOf(contentType) {
	case ModeStructured:
		return ParseJSON(r.Value)
	case ModeBinary:
		return fromHeaders(r, contentType)
	}
	return Event{}, fmt.Errorf("%w: %q", ErrFormat, clip(contentType))
}

func fromHeaders(r *Record, contentType string) (Event, error) {
	var p packer
	for i := range r.Headers {
		h := &r.Headers[i]
		if len(h.Key) <= len(kafkaPrefix) || h.Key[:len(kafkaPrefix)] != kafkaPrefix {
			continue
		}
		name := h.Key[len(kafkaPrefix):]
		if !isName(name) {
			p.refuse(name, view(h.Value), nameFault(name))
		}
		p.add(name, Value{view(h.Value), KindString})
	}
	if !p.given[coreVersion] {
		return Event{}, fmt.Errorf("%w: it has no header %s", ErrNotEvent, kafkaPrefix+attrSpecVersion)
	}
	p.own()
	return p.binary(contentType, r.Value)
}

// binary makes the event of a message in binary mode.
func (p *packer) binary(contentType string, data []byte) (Event, error) {
	e, err := p.event()
	if err != nil {
		return Event{}, err
	}
	if contentType != "" && e.DataContentType != "" && contentType != e.DataContentType {
		return Event{}, &AttributeError{attrContentType, e.DataContentType, fmt.Sprintf("is not the message's content type %q", clip(contentType))}
	}
	if contentType != "" {
		e.DataContentType = contentType
	}
	e.Data = data
	return e, validated(&e)
}

// validated empties what is not valid.
func validated(e *Event) error {
	err := e.Validate()
	if err != nil {
		*e = Event{}
	}
	return err
}

// Record returns the event as a Kafka record in binary mode. Its key is what
// [Event.PartitionKey] says, and may be replaced; its value the Data: without any it
// is a tombstone where a topic is compacted. The error is an [*AttributeError].
func (e *Event) Record() (Record, error) {
	if err := e.Validate(); err != nil {
		return Record{}, err
	}
	core := [...]string{SpecVersion, e.ID, e.Source, e.Type, e.Subject, string(e.Time), e.DataSchema, e.DataContentType}
	count, size := len(e.extensions), 0
	for _, text := range core {
		if size += len(text); text != "" {
			count++
		}
	}
	for i := range e.extensions {
		size += len(e.extensions[i].value.text)
	}
	r := Record{Key: e.recordKey(), Value: e.Data, Headers: make([]Header, 0, count)}
	texts := make([]byte, 0, size) // of all headers: one piece of memory
	add := func(key, text string) {
		start := len(texts)
		texts = append(texts, text...)
		r.Headers = append(r.Headers, Header{key, texts[start:len(texts):len(texts)]})
	}
	for i, text := range core {
		if text != "" {
			add(coreHeaders[i], text)
		}
	}
	for i := range e.extensions {
		add(headerOf(e.extensions[i].name), e.extensions[i].value.text)
	}
	return r, nil
}

// coreHeaders are the headers of core attributes in the order in which they are written.
var coreHeaders = [...]string{
	kafkaPrefix + attrSpecVersion, kafkaPrefix + attrID, kafkaPrefix + attrSource, kafkaPrefix + attrType,
	kafkaPrefix + attrSubject, kafkaPrefix + attrTime, kafkaPrefix + attrSchema, kafkaContentType,
}

// headerOf is the header of an extension. Those that most events have are put together
// by the compiler.
func headerOf(name string) string {
	switch name {
	case CorrelationID:
		return kafkaPrefix + CorrelationID
	case CausationID:
		return kafkaPrefix + CausationID
	case TraceParent:
		return kafkaPrefix + TraceParent
	}
	return kafkaPrefix + name
}

// StructuredRecord returns the event as a Kafka record in structured mode, with the
// key that Record gives it. The error is an [*AttributeError].
func (e *Event) StructuredRecord() (Record, error) {
	text, err := e.AppendJSON(nil)
	if err != nil {
		return Record{}, err
	}
	return Record{Key: e.recordKey(), Value: text, Headers: []Header{{kafkaContentType, []byte(ContentTypeJSON)}}}, nil
}

func (e *Event) recordKey() []byte {
	if key, ok := e.PartitionKey(); ok {
		return []byte(key)
	}
	return nil
}
