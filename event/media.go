package event

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Media types of events themselves.
const (
	// ContentTypeJSON is that of an event in JSON (structured mode).
	ContentTypeJSON = "application/cloudevents+json"
	// ContentTypeBatch is that of several events in JSON.
	ContentTypeBatch = "application/cloudevents-batch+json"

	applicationJSON = "application/json"
	eventPrefix     = "application/cloudevents"
)

// A Mode is one of the ways to put events into a message.
type Mode int

// The modes, and that of messages whose format is not known here.
const (
	ModeBinary Mode = iota
	ModeStructured
	ModeBatch
	ModeUnknown
)

// ModeOf returns the mode that a message's content type says. Only JSON in UTF-8
// is known of the formats of structured events and batches.
func ModeOf(contentType string) Mode {
	media, params, _ := strings.Cut(contentType, ";")
	media = strings.Trim(media, " \t")
	if len(media) < len(eventPrefix) || !strings.EqualFold(media[:len(eventPrefix)], eventPrefix) {
		return ModeBinary
	}
	if !isUTF8(params) {
		return ModeUnknown
	}
	switch {
	case strings.EqualFold(media, ContentTypeJSON):
		return ModeStructured
	case strings.EqualFold(media, ContentTypeBatch):
		return ModeBatch
	}
	return ModeUnknown
}

// IsJSON tells whether data of a content type is JSON: a subtype of json, or one
// that ends with +json (JSON event format, section 3.1.1).
func IsJSON(contentType string) bool {
	if contentType == applicationJSON {
		return true
	}
	sub, _, _ := strings.Cut(contentType[strings.IndexByte(contentType, '/')+1:], ";")
	sub = strings.TrimRight(sub, " \t")
	return strings.EqualFold(sub, "json") || hasSuffixFold(sub, "+json")
}

// isText tells whether data of a content type is to be shown as text.
func isText(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.TrimRight(media, " \t")
	return len(media) > 5 && strings.EqualFold(media[:5], "text/") || strings.EqualFold(media, "application/xml") || hasSuffixFold(media, "+xml")
}

// isUTF8 tells whether parameters of a media type, or the whole of one, leave it at
// UTF-8: they name no other charset.
func isUTF8(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.Trim(name, " \t"), "charset") {
			continue
		}
		value = strings.Trim(value, " \t\"")
		if !strings.EqualFold(value, "utf-8") && !strings.EqualFold(value, "us-ascii") {
			return false
		}
	}
	return true
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// mediaFault says what is wrong with a media type (RFC 2045, section 5.1, with
// spaces around semicolons as everybody writes them).
func mediaFault(s string) string {
	if s == applicationJSON {
		return ""
	}
	const fault = "is no media type, such as application/json or text/plain; charset=utf-8"
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
		return fault
	}
	rest, ok := token(s)
	if !ok || rest == "" || rest[0] != '/' {
		return fault
	}
	if rest, ok = token(rest[1:]); !ok {
		return fault
	}
	for {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			return ""
		}
		if rest[0] != ';' {
			return fault
		}
		if rest, ok = parameter(strings.TrimLeft(rest[1:], " \t")); !ok {
			return fault
		}
	}
}

// parameter takes name=value off the front, where value may be in quotation marks.
// Nothing at all, after a last semicolon, is let through.
func parameter(s string) (rest string, ok bool) {
	if s == "" {
		return s, true
	}
	if s, ok = token(s); !ok || s == "" || s[0] != '=' {
		return s, false
	}
	s = s[1:]
	if s == "" || s[0] != '"' {
		return token(s)
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return s[i+1:], true
		case '\\':
			i++
		}
	}
	return s, false
}

// token takes a token off the front (RFC 2045, section 5.1).
func token(s string) (rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] > ' ' && s[i] < 0x7f && strings.IndexByte(`()<>@,;:\"/[]?=`, s[i]) < 0 {
		i++
	}
	return s[i:], i > 0
}
