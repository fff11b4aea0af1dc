package dedup

import (
	"iter"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/seen"
)

// ID is the id of a record; false if a part of it is missing or empty. Buffer is where
// it is put together, and may be used again.
func (k Key) ID(r *kgo.Record, buffer *[]byte) (seen.ID, bool) {
	v := viewed{record: r}
	text := (*buffer)[:0]
	for i := range k.parts {
		found := v.find(&k.parts[i])
		if len(found) == 0 {
			return seen.ID{}, false
		}
		text = seen.AppendPart(text, found)
	}
	*buffer = text
	return seen.Sum(text), true
}

// viewed is a record with what has been read of it.
type viewed struct {
	record   *kgo.Record
	looked   bool
	isJSON   bool         // it is an event in structured mode
	glance   event.Glance // of such an event
	read     bool         // whether event was read
	event    event.Event  // in structured mode
	readable bool         // whether it is one
}

// find returns what a part of an expression stands for; nothing if it is not there.
func (v *viewed) find(p *part) []byte {
	switch p.kind {
	case recordKey:
		return v.record.Key
	case header:
		return v.header("", p.name)
	case attribute:
		return v.attribute(p.name)
	}
	text := v.record.Value
	if v.structured() {
		if !v.parse() {
			return nil
		}
		text = v.event.Data
	}
	found, _ := p.pointer.Text(text)
	return found
}

// header is the last one of a name.
func (v *viewed) header(prefix, name string) []byte {
	for i := len(v.record.Headers) - 1; i >= 0; i-- {
		key := v.record.Headers[i].Key
		if len(key) == len(prefix)+len(name) && key[:len(prefix)] == prefix && key[len(prefix):] == name {
			return v.record.Headers[i].Value
		}
	}
	return nil
}

// attribute is one of the event that the record is, in binary or structured mode.
func (v *viewed) attribute(name string) []byte {
	if !v.structured() {
		if name == "datacontenttype" {
			return v.header("", "content-type")
		}
		return v.header("ce_", name)
	}
	if found := v.glanced(name); found != nil {
		return found
	}
	if !v.parse() {
		return nil
	}
	value, _ := v.event.Attribute(name)
	return []byte(value.String())
}

// glanced is an attribute that a glance sees. It sees none of a very long event.
func (v *viewed) glanced(name string) []byte {
	switch name {
	case "id":
		return v.glance.ID
	case "source":
		return v.glance.Source
	case "type":
		return v.glance.Type
	case event.CorrelationID:
		return v.glance.CorrelationID
	}
	return nil
}

// structured tells whether the record is an event in structured mode, and glances at it.
func (v *viewed) structured() bool {
	if v.looked {
		return v.isJSON
	}
	v.looked = true
	contentType := v.header("", "content-type")
	if len(contentType) < len(event.ContentTypeJSON) || event.ModeOf(string(contentType)) != event.ModeStructured {
		return false
	}
	v.isJSON = true
	v.glance = event.GlanceAt(only(contentType), v.record.Value)
	return true
}

// only are headers that say a content type and nothing else.
func only(contentType []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) { yield([]byte("content-type"), contentType) }
}

// parse reads the event in structured mode.
func (v *viewed) parse() bool {
	if !v.read {
		var err error
		v.read = true
		v.event, err = event.ParseJSON(v.record.Value)
		v.readable = err == nil
	}
	return v.readable
}
