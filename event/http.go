package event

import (
	"fmt"
	"net/http"
	"strings"
)

const (
	httpPrefix      = "ce-"
	httpContentType = "Content-Type"
)

// FromHTTP reads the event of an HTTP message (CloudEvents HTTP binding 1.0.2), in
// structured mode if its Content-Type says so, and otherwise in binary mode. Its Data
// is a part of body; an empty body is none. A message with neither that nor a header
// ce-specversion gives [ErrNotEvent]; a batch, which [BatchReader] reads, and other
// formats give [ErrFormat].
func FromHTTP(header http.Header, body []byte) (Event, error) {
	contentType := ""
	switch types := header[httpContentType]; len(types) {
	case 0:
	case 1:
		contentType = types[0]
	default:
		return Event{}, &AttributeError{attrContentType, types[1], "is given twice, by two headers " + httpContentType}
	}
	switch ModeOf(contentType) {
	case ModeStructured:
		return ParseJSON(body)
	case ModeBinary:
		return fromHTTPHeader(header, contentType, body)
	}
	return Event{}, fmt.Errorf("%w: %q", ErrFormat, clip(contentType))
}

func fromHTTPHeader(header http.Header, contentType string, body []byte) (Event, error) {
	var p packer
	for key, values := range header {
		if len(key) <= len(httpPrefix) || !strings.EqualFold(key[:len(httpPrefix)], httpPrefix) {
			continue
		}
		p.headers(strings.ToLower(key[len(httpPrefix):]), values)
	}
	if !p.given[coreVersion] {
		return Event{}, fmt.Errorf("%w: it has no header %s", ErrNotEvent, httpPrefix+attrSpecVersion)
	}
	if len(body) == 0 {
		body = nil
	}
	return p.binary(contentType, body)
}

// headers packs the attribute of an HTTP header.
func (p *packer) headers(name string, values []string) {
	switch {
	case name == attrContentType:
		p.refuse(name, strings.Join(values, ", "), "must be given as header "+httpContentType)
	case !isName(name):
		p.refuse(name, "", nameFault(name))
	}
	for _, value := range values {
		text, reason := decoded(value)
		if reason != "" {
			p.refuse(name, value, reason)
		}
		p.add(name, String(text))
	}
}

// SetHTTP puts the event's attributes into the header of an HTTP message in binary
// mode, whose body is the Data. Other headers stay; those of attributes that the event
// does not have are removed. The error is an [*AttributeError].
func (e *Event) SetHTTP(header http.Header) error {
	if err := e.Validate(); err != nil {
		return err
	}
	for key := range header {
		if len(key) > len(httpPrefix) && strings.EqualFold(key[:len(httpPrefix)], httpPrefix) {
			delete(header, key)
		}
	}
	for name, v := range e.Attributes() {
		if name != attrContentType {
			header[httpName(name)] = []string{encoded(v.text)}
		}
	}
	delete(header, httpContentType)
	if e.DataContentType != "" {
		header[httpContentType] = []string{e.DataContentType}
	}
	return nil
}

// httpName is the canonical name (net/http) of an attribute's header.
func httpName(name string) string {
	return "Ce-" + strings.ToUpper(name[:1]) + name[1:]
}
