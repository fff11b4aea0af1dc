package event

import (
	"fmt"
	"maps"
	"slices"
)

// A Mapping declares how JSON that is no CloudEvent is read as one: an envelope of
// somebody's own, with members such as eventId, eventType, timestamp and data.
type Mapping struct {
	// Attributes says for each attribute by name where it comes from. There is one for
	// type; what is missing of id, source and time, a [Stamper] sets.
	Attributes map[string]From `json:"attributes"`
	// TimeFormat is how the attribute time is written; RFC3339 if empty.
	TimeFormat TimeFormat `json:"timeFormat,omitempty"`
	// Data is a JSON pointer to the data; empty for the whole document.
	Data string `json:"data,omitempty"`
	// NoData lets documents through that have nothing there.
	NoData bool `json:"noData,omitempty"`
}

// A From says where an attribute comes from.
type From struct {
	// Pointer is a JSON pointer (RFC 6901) to a string, a number or a boolean.
	Pointer string `json:"pointer,omitempty"`
	// Value is what the attribute is if there is no pointer, or nothing where it points,
	// or null.
	Value string `json:"value,omitempty"`
	// Optional lets the attribute be missing.
	Optional bool `json:"optional,omitempty"`
}

// A Mapper reads documents as a [Mapping] says. Its methods may be called by any
// goroutine.
type Mapper struct {
	rules  []rule // by name
	data   pointer
	noData bool
	where  string // the pointer to data as it was written
	time   TimeFormat
}

// A rule is a From that is ready.
type rule struct {
	name string
	From
	pointer pointer
}

// Compile returns a mapper, or an error that says what is wrong with the mapping.
func (m *Mapping) Compile() (*Mapper, error) {
	c := &Mapper{noData: m.NoData, where: m.Data, time: m.TimeFormat}
	if !c.time.known() {
		return nil, fmt.Errorf("the time format %q is not known: want %s", c.time, timeFormats)
	}
	var err error
	if c.data, err = parsePointer(m.Data); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if _, ok := m.Attributes[attrType]; !ok {
		return nil, fmt.Errorf("nothing says what the attribute type is: give it a pointer or a value")
	}
	for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
		r, err := compile(name, m.Attributes[name])
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", clip(name), err)
		}
		c.rules = append(c.rules, r)
	}
	return c, nil
}

func compile(name string, from From) (rule, error) {
	r := rule{name: name, From: from}
	switch {
	case name == attrSpecVersion:
		return r, fmt.Errorf("it is always %s, and cannot be mapped", SpecVersion)
	case nameFault(name) != "":
		return r, fmt.Errorf("%q %s", clip(name), nameFault(name))
	case from.Pointer == "" && from.Value == "":
		return r, fmt.Errorf("it has neither a pointer nor a value")
	}
	if from.Value != "" {
		e := Event{ID: "1", Source: "/", Type: "t"}
		e.set(name, String(from.Value))
		if err := e.Validate(); err != nil {
			return r, err
		}
	}
	var err error
	r.pointer, err = parsePointer(from.Pointer)
	return r, err
}

// set sets any attribute but specversion.
func (e *Event) set(name string, v Value) {
	if field, _ := e.core(name); field != nil {
		*field = v.text
		return
	}
	e.SetExtension(name, v)
}

// Map reads a document, and has what it lacks stamped, if stamper is not nil. The
// event's Data is a part of text if it can be. The error is a [*SyntaxError], an
// [*AttributeError], or the stamper's.
func (m *Mapper) Map(text []byte, stamper *Stamper) (Event, error) {
	if err := checkUTF8(text); err != nil {
		return Event{}, err
	}
	s := scanner{text: text}
	if !s.skip(0) || !s.end() {
		return Event{}, s.err
	}
	var e Event
	for i := range m.rules {
		if err := m.apply(&e, &m.rules[i], text); err != nil {
			return Event{}, err
		}
	}
	if err := m.mapData(&e, text); err != nil {
		return Event{}, err
	}
	if stamper != nil {
		if err := stamper.Stamp(&e); err != nil {
			return Event{}, err
		}
	}
	return e, validated(&e)
}

// apply sets one attribute.
func (m *Mapper) apply(e *Event, r *rule, text []byte) error {
	var found []byte
	if r.Pointer != "" {
		var err error
		if found, err = r.pointer.find(text); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	if found == nil || found[0] == 'n' {
		if r.Value == "" && !r.Optional {
			return &AttributeError{r.name, "", fmt.Sprintf("is missing: nothing is at %s", r.Pointer)}
		}
		if r.Value != "" {
			e.set(r.name, String(r.Value))
		}
		return nil
	}
	v, reason := mapped(found)
	if reason == "" && r.name == attrTime {
		v.text, reason = m.time.read(v.text)
	}
	if reason == "" && v.text == "" {
		reason = "is empty"
	}
	if reason != "" {
		return &AttributeError{r.name, v.text, reason + ", at " + r.Pointer}
	}
	e.set(r.name, v)
	return nil
}

// mapped returns the value of an attribute that JSON is, or says why it is none.
// Numbers that are no Integer are Strings, as they were written.
func mapped(text []byte) (Value, string) {
	switch text[0] {
	case '{', '[':
		return Value{}, "is an object or an array"
	case 't', 'f':
		return Boolean(text[0] == 't'), ""
	case '"':
		s := scanner{text: text}
		q, _ := s.quoted()
		b, whole := q.plain()
		if !whole {
			return String(string(q.inner)), "has an escape of half a character"
		}
		return String(string(b)), ""
	}
	v := String(string(text))
	if n, err := v.Int(); err == nil {
		return Integer(n), ""
	}
	return v, ""
}

func (m *Mapper) mapData(e *Event, text []byte) error {
	found, err := m.data.find(text)
	if err != nil {
		return fmt.Errorf("%s: %w", memberData, err)
	}
	if found == nil {
		if m.noData {
			return nil
		}
		return &AttributeError{memberData, "", "is missing: nothing is at " + m.where}
	}
	e.Data, err = dataOf(found, e)
	return err
}
