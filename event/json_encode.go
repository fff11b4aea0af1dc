package event

import (
	"encoding/base64"
	"unicode/utf8"
)

// AppendJSON appends the event in the JSON event format. Data of a JSON content type
// stands there as it is; text of another (text/…, XML) as a string; all else, and what
// is not what its content type says, as data_base64. So every valid event has a form
// from which it can be read back; only white space around JSON is lost. The error is an
// [*AttributeError].
func (e *Event) AppendJSON(dst []byte) ([]byte, error) {
	if err := e.Validate(); err != nil {
		return dst, err
	}
	dst = append(dst, `{"specversion":"`+SpecVersion+`"`...)
	dst = appendCore(dst, attrID, e.ID)
	dst = appendCore(dst, attrSource, e.Source)
	dst = appendCore(dst, attrType, e.Type)
	dst = appendCore(dst, attrSubject, e.Subject)
	dst = appendCore(dst, attrTime, string(e.Time))
	dst = appendCore(dst, attrContentType, e.DataContentType)
	dst = appendCore(dst, attrSchema, e.DataSchema)
	for i := range e.extensions {
		dst = appendExtension(dst, &e.extensions[i])
	}
	if e.Data != nil {
		dst = e.appendData(dst)
	}
	return append(dst, '}'), nil
}

func appendCore(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	return appendString(appendName(dst, name), text)
}

func appendExtension(dst []byte, x *extension) []byte {
	dst = appendName(dst, x.name)
	if x.value.kind == KindBoolean || x.value.kind == KindInteger {
		return append(dst, x.value.text...)
	}
	return appendString(dst, x.value.text)
}

// appendData appends the data (JSON event format, section 3.1.1).
func (e *Event) appendData(dst []byte) []byte {
	switch {
	case IsJSON(e.DataContentType) && isValue(e.Data):
		return append(appendName(dst, memberData), e.Data...)
	case isText(e.DataContentType) && isUTF8(e.DataContentType) && utf8.Valid(e.Data):
		return appendString(appendName(dst, memberData), e.Data)
	}
	dst = append(appendName(dst, memberBase64), '"')
	return append(base64.StdEncoding.AppendEncode(dst, e.Data), '"')
}

// appendName appends the name of a member that is not the first.
func appendName(dst []byte, name string) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	return append(dst, `":`...)
}

// appendString appends a text, which is UTF-8, as a string.
func appendString[T string | []byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	for i := 0; ; {
		n := plain(text[i:])
		dst = append(dst, text[i:i+n]...)
		if i += n; i == len(text) {
			return append(dst, '"')
		}
		dst = appendEscape(dst, text[i])
		i++
	}
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

// MarshalJSON writes the event in the JSON event format, for encoding/json.
func (e Event) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil) }

// UnmarshalJSON reads the event as [ParseJSON] does, for encoding/json. It keeps
// nothing of text.
func (e *Event) UnmarshalJSON(text []byte) (err error) {
	*e, err = ParseJSON(append([]byte(nil), text...))
	return err
}

// AppendLine appends the event as AppendJSON does, and a newline, as a line of NDJSON:
// line breaks between the tokens of its data become spaces.
func (e *Event) AppendLine(dst []byte) ([]byte, error) {
	from := len(dst)
	dst, err := e.AppendJSON(dst)
	if err != nil {
		return dst, err
	}
	for i := from; i < len(dst); i++ {
		if dst[i] == '\n' || dst[i] == '\r' { // in JSON they stand between tokens only
			dst[i] = ' '
		}
	}
	return append(dst, '\n'), nil
}

// AppendBatch appends events in the JSON batch format, whose content type is
// [ContentTypeBatch].
func AppendBatch(dst []byte, events ...Event) ([]byte, error) {
	dst = append(dst, '[')
	for i := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = events[i].AppendJSON(dst); err != nil {
			return dst, &BatchError{Index: i, Err: err}
		}
	}
	return append(dst, ']'), nil
}
