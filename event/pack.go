package event

import (
	"slices"
	"strings"
	"unsafe"
)

// Core attributes as a packer counts them.
const (
	coreID = iota
	coreSource
	coreType
	coreSubject
	coreTime
	coreContentType
	coreSchema
	coreVersion // the last: it is checked, and not kept
	coreCount

	noCore = -1
)

func coreOf(name string) int {
	switch name {
	case attrID:
		return coreID
	case attrSource:
		return coreSource
	case attrType:
		return coreType
	case attrSubject:
		return coreSubject
	case attrTime:
		return coreTime
	case attrContentType:
		return coreContentType
	case attrSchema:
		return coreSchema
	case attrSpecVersion:
		return coreVersion
	}
	return noCore
}

// A packer gathers the attributes of an event that is being read. Their texts may
// belong to somebody else until the event is made. Of what is wrong it remembers the
// first.
type packer struct {
	core  [coreCount]string
	given [coreCount]bool
	few   [8]extension // so that most events need no memory before they are made
	count int          // of few
	many  []extension  // the others
	err   error
}

// refuse remembers what is wrong with the event.
func (p *packer) refuse(name, value, reason string) {
	if p.err == nil {
		p.err = &AttributeError{strings.Clone(name), strings.Clone(value), reason}
	}
}

// add takes an attribute.
func (p *packer) add(name string, v Value) {
	core := coreOf(name)
	if core == noCore {
		p.extend(extension{name, v})
		return
	}
	switch {
	case p.given[core]:
		p.refuse(name, v.text, "is given twice")
	case v.kind != KindString:
		p.refuse(name, v.text, "must be a string")
	case v.text == "":
		p.refuse(name, "", "is empty")
	}
	p.core[core], p.given[core] = v.text, true
}

func (p *packer) extend(x extension) {
	if p.count == len(p.few) {
		p.many = append(p.many, x)
		return
	}
	p.few[p.count] = x
	p.count++
}

// event makes the event, without data, of texts that are its own.
func (p *packer) event() (Event, error) {
	if p.err != nil {
		return Event{}, p.err
	}
	switch version := p.core[coreVersion]; version {
	case SpecVersion:
	case "":
		return Event{}, &AttributeError{attrSpecVersion, "", "is missing"}
	default:
		return Event{}, &AttributeError{attrSpecVersion, strings.Clone(version), "is not " + SpecVersion + ", the only version known here"}
	}
	e := Event{
		ID: p.core[coreID], Source: p.core[coreSource], Type: p.core[coreType], Subject: p.core[coreSubject],
		Time: Timestamp(p.core[coreTime]), DataContentType: p.core[coreContentType], DataSchema: p.core[coreSchema],
	}
	if p.count > 0 {
		e.extensions = make([]extension, 0, p.count+len(p.many))
		e.extensions = append(append(e.extensions, p.few[:p.count]...), p.many...)
	}
	return e, e.sortExtensions()
}

// own copies all texts into one piece of memory, so that the event needs nothing of
// what it was read from.
func (p *packer) own() {
	size, texts := 0, coreVersion+2*(p.count+len(p.many))
	for i := range texts {
		size += len(*p.text(i))
	}
	var b strings.Builder
	b.Grow(size)
	for i := range texts {
		b.WriteString(*p.text(i))
	}
	rest := b.String()
	for i := range texts {
		s := p.text(i)
		*s, rest = rest[:len(*s)], rest[len(*s):]
	}
}

// text returns one of the texts that are kept: of the core attributes but the version,
// and names and values of the others.
func (p *packer) text(i int) *string {
	if i < coreVersion {
		return &p.core[i]
	}
	i -= coreVersion
	var x *extension
	if at := i / 2; at < p.count {
		x = &p.few[at]
	} else {
		x = &p.many[at-p.count]
	}
	if i%2 == 0 {
		return &x.name
	}
	return &x.value.text
}

// view is a text in memory of others, without copying it: for a packer, until own.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (e *Event) sortExtensions() error {
	if len(e.extensions) < 2 {
		return nil
	}
	slices.SortFunc(e.extensions, func(x, y extension) int { return strings.Compare(x.name, y.name) })
	for i, x := range e.extensions[1:] {
		if x.name == e.extensions[i].name {
			return &AttributeError{strings.Clone(x.name), strings.Clone(x.value.text), "is given twice"}
		}
	}
	return nil
}
