package event

import (
	"bytes"
	"iter"
	"unicode/utf8"
)

// A Glance is what a record says of itself as a CloudEvent, unchecked: for whoever has
// to find records, also those that are wrong. What it does not say is nil.
type Glance struct {
	ID, Source, Type, CorrelationID []byte
}

// maxGlance is how much of a value in structured mode is looked through, in bytes:
// more than brokers take by default.
const maxGlance = 4 << 20

// GlanceAt reads the attributes of a Kafka record from its headers, or from its value
// if a header says that this is an event in JSON. Of attributes that repeat the last
// one counts, and of members those that are strings; a value that is no JSON object has
// none. What it returns aliases what it was given, or not.
func GlanceAt(headers iter.Seq2[[]byte, []byte], value []byte) Glance {
	var g Glance
	structured := false
	for key, v := range headers {
		if name, ok := bytes.CutPrefix(key, []byte(kafkaPrefix)); ok {
			g.set(name, v)
		} else if string(key) == kafkaContentType {
			structured = isEventJSON(v)
		}
	}
	if structured && len(value) <= maxGlance {
		g = Glance{}
		if !g.members(value) {
			return Glance{}
		}
	}
	return g
}

// isEventJSON tells whether a media type is that of an event in JSON, whatever its
// parameters.
func isEventJSON(contentType []byte) bool {
	media, _, _ := bytes.Cut(contentType, []byte(";"))
	return bytes.EqualFold(bytes.TrimSpace(media), []byte(ContentTypeJSON))
}

func (g *Glance) set(name, value []byte) {
	switch string(name) {
	case attrID:
		g.ID = value
	case attrSource:
		g.Source = value
	case attrType:
		g.Type = value
	case CorrelationID:
		g.CorrelationID = value
	}
}

// members reads an event in JSON; false if it is none.
func (g *Glance) members(text []byte) bool {
	s := scanner{text: text}
	return utf8.Valid(text) && s.eachMember(func(name quotation) bool {
		if s.next() != '"' {
			return s.skip(1)
		}
		q, ok := s.quoted()
		if !ok {
			return false
		}
		if value, whole := q.plain(); whole {
			key, _ := name.plain()
			g.set(key, value)
		}
		return true
	}) && s.end()
}
