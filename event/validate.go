package event

import (
	"cmp"
	"fmt"
)

// Validate tells the first rule of CloudEvents 1.0 that the event breaks, as an
// [*AttributeError].
func (e *Event) Validate() error {
	if err := e.validateCore(); err != nil {
		return err
	}
	for i := range e.extensions {
		if err := e.extensions[i].validate(); err != nil {
			return err
		}
	}
	return nil
}

func (e *Event) validateCore() error {
	const missing = "is missing"
	switch {
	case e.ID == "":
		return &AttributeError{attrID, "", missing}
	case e.Source == "":
		return &AttributeError{attrSource, "", missing}
	case e.Type == "":
		return &AttributeError{attrType, "", missing}
	}
	return cmp.Or(
		fault(attrID, e.ID, textFault(e.ID)),
		fault(attrSource, e.Source, referenceFault(e.Source)),
		fault(attrType, e.Type, textFault(e.Type)),
		fault(attrSubject, e.Subject, textFault(e.Subject)),
		ifSet(attrTime, string(e.Time), timeFault),
		ifSet(attrContentType, e.DataContentType, mediaFault),
		ifSet(attrSchema, e.DataSchema, uriFault),
	)
}

func ifSet(name, text string, check func(string) string) error {
	if text == "" {
		return nil
	}
	return fault(name, text, check(text))
}

// fault makes an error of a reason, if there is one.
func fault(name, text, reason string) error {
	if reason == "" {
		return nil
	}
	return &AttributeError{name, text, reason}
}

func (x *extension) validate() error {
	if err := fault(x.name, "", nameFault(x.name)); err != nil {
		return err
	}
	switch x.name {
	case attrID, attrSource, attrSpecVersion, attrType, attrSubject, attrTime, attrContentType, attrSchema:
		return &AttributeError{x.name, x.value.text, "is an attribute of the specification, and cannot be set as an extension"}
	case PartitionKey, CorrelationID, CausationID, TraceParent, DataRef:
		if x.value.text == "" {
			return &AttributeError{x.name, "", "is empty: leave it out"}
		}
	}
	if x.name == DataRef && x.value.kind == KindString {
		return fault(x.name, x.value.text, referenceFault(x.value.text))
	}
	return fault(x.name, x.value.text, x.value.fault())
}

// maxNameAdvice is how long names of attributes should be at most, in bytes.
const maxNameAdvice = 20

// Advice gives, in sentences, what the specification recommends and a valid event
// does not do. Size is that of its JSON.
func (e *Event) Advice() []string {
	var advice []string
	say := func(format string, args ...any) { advice = append(advice, fmt.Sprintf(format, args...)) }
	if !hasScheme(e.Source) {
		say("source %q should be an absolute URI", clip(e.Source))
	}
	for _, x := range e.extensions {
		if len(x.name) > maxNameAdvice {
			say("the name %s should not be longer than %d characters", clip(x.name), maxNameAdvice)
		}
		if isDigit(x.name[0]) {
			say("the name %s should begin with a letter", clip(x.name))
		}
	}
	if text, err := e.AppendJSON(nil); err == nil && len(text) > SafeSize {
		say("the event has %d bytes as JSON; more than %d need not be forwarded by everybody", len(text), SafeSize)
	}
	return advice
}
