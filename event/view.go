package event

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
)

// ViewType is the type of records that are no CloudEvents, as events.
const ViewType = "evident.record"

// RecordKey is the attribute, of type Binary, of a key that is no text.
const RecordKey = "recordkey"

// View returns any Kafka record as an event: the one that it is, and of others the view
// that docs/format/event.md defines, which depends on nothing but the record, is the
// same for everybody, and always valid. Its Data is the record's value.
func View(r *Record) Event {
	if e, err := FromRecord(r); err == nil {
		return e
	}
	e := Event{
		ID:     strconv.Itoa(int(r.Partition)) + "-" + strconv.FormatInt(r.Offset, 10),
		Source: "/topics/" + url.PathEscape(r.Topic),
		Type:   ViewType,
		Data:   r.Value,
	}
	if at := r.Timestamp.UTC(); !r.Timestamp.IsZero() && at.Year() >= 0 && at.Year() <= 9999 {
		e.Time = At(at)
	}
	e.DataContentType = viewedType(r)
	e.viewHeaders(r.Headers)
	e.viewKey(r.Key)
	return e
}

// viewKey makes the key the subject, if it is text.
func (e *Event) viewKey(key []byte) {
	switch {
	case len(key) == 0:
	case textFault(view(key)) == "":
		e.Subject = string(key)
	default:
		e.SetExtension(RecordKey, Binary(key))
	}
}

// viewedType is the content type that a header says, or JSON if the value is an object
// or an array.
func viewedType(r *Record) string {
	said := ""
	for _, h := range r.Headers {
		if strings.EqualFold(h.Key, kafkaContentType) {
			said = string(h.Value)
		}
	}
	if said != "" && mediaFault(said) == "" {
		return said
	}
	if start := bytes.TrimLeft(r.Value, " \t\r\n"); len(start) > 0 && (start[0] == '{' || start[0] == '[') && isValue(r.Value) {
		return applicationJSON
	}
	return ""
}

// maxViewed is how many headers a view has.
const maxViewed = 64

// viewHeaders makes attributes of the first headers that can be some: by name and by
// value, and of a name that was not there before.
func (e *Event) viewHeaders(headers []Header) {
	viewed := 0
	for _, h := range headers {
		if viewed == maxViewed {
			return
		}
		if !isName(h.Key) || coreOf(h.Key) != noCore || h.Key == RecordKey || len(h.Value) == 0 {
			continue
		}
		x := extension{h.Key, String(string(h.Value))}
		if _, repeated := e.Extension(h.Key); repeated || x.validate() != nil {
			continue
		}
		e.SetExtension(x.name, x.value)
		viewed++
	}
}
