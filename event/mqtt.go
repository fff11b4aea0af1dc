package event

import "fmt"

// A Property is a User Property of an MQTT 5 message.
type Property struct{ Key, Value string }

// A Publish is what of an MQTT 5 PUBLISH message is of interest to events. A message
// of MQTT 3.1.1 has a payload only.
type Publish struct {
	ContentType    string // the property Content Type; empty if it has none
	UserProperties []Property
	Payload        []byte
}

// FromMQTT reads the event of an MQTT 5 message (CloudEvents MQTT binding 1.0.2), in
// structured mode if its Content Type says so, and otherwise in binary mode, where User
// Properties whose names can be attributes are: others are passed over. Its Data is a
// part of the payload; an empty payload is none. A message with neither that nor a
// property specversion gives [ErrNotEvent]; one of another format [ErrFormat]. The
// payload of a message of MQTT 3.1.1 is for [ParseJSON].
func FromMQTT(m *Publish) (Event, error) {
	switch ModeOf(m.ContentType) {
	case ModeStructured:
		return ParseJSON(m.Payload)
	case ModeBinary:
		return fromProperties(m)
	}
	return Event{}, fmt.Errorf("%w: %q", ErrFormat, clip(m.ContentType))
}

func fromProperties(m *Publish) (Event, error) {
	var p packer
	for _, property := range m.UserProperties {
		if isName(property.Key) {
			p.add(property.Key, String(property.Value))
		}
	}
	if !p.given[coreVersion] {
		return Event{}, fmt.Errorf("%w: it has no User Property %s", ErrNotEvent, attrSpecVersion)
	}
	data := m.Payload
	if len(data) == 0 {
		data = nil
	}
	return p.binary(m.ContentType, data)
}

// MQTT returns the event as an MQTT 5 message in binary mode. The error is an
// [*AttributeError].
func (e *Event) MQTT() (Publish, error) {
	if err := e.Validate(); err != nil {
		return Publish{}, err
	}
	m := Publish{ContentType: e.DataContentType, Payload: e.Data}
	for name, v := range e.Attributes() {
		if name != attrContentType {
			m.UserProperties = append(m.UserProperties, Property{name, v.text})
		}
	}
	return m, nil
}

// StructuredMQTT returns the event as an MQTT 5 message in structured mode; its
// payload is also one for MQTT 3.1.1. The error is an [*AttributeError].
func (e *Event) StructuredMQTT() (Publish, error) {
	text, err := e.AppendJSON(nil)
	if err != nil {
		return Publish{}, err
	}
	return Publish{ContentType: ContentTypeJSON, Payload: text}, nil
}
