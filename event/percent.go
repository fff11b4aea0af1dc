package event

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// mustEncode tells whether a byte cannot stand for itself in the value of an HTTP
// header (CloudEvents HTTP binding, section 3.1.3.2).
func mustEncode(c byte) bool {
	return c <= ' ' || c >= 0x7f || c == '"' || c == '%'
}

// encoded returns a text as the value of an HTTP header.
func encoded(s string) string {
	n := 0
	for i := range len(s) {
		if mustEncode(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; mustEncode(c) {
			b = append(b, '%', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// decoded returns what the value of an HTTP header stands for, or says why it cannot:
// double-quoted parts are unquoted, as senders of older versions wrote them, and then
// percent signs decoded, once.
func decoded(value string) (text, reason string) {
	if !strings.ContainsAny(value, `"%`) {
		return value, ""
	}
	b, quoted := make([]byte, 0, len(value)), false
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '"':
			quoted = !quoted
			continue
		case quoted && c == '\\':
			if i++; i == len(value) {
				return "", "ends with a backslash"
			}
			c = value[i]
		}
		b = append(b, c)
	}
	if quoted {
		return "", "has a quotation mark that is not closed"
	}
	b, reason = percentDecoded(b)
	return string(b), reason
}

// percentDecoded decodes in place.
func percentDecoded(text []byte) (_ []byte, reason string) {
	to, found := 0, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2]) {
				return text, fmt.Sprintf("has a percent sign at byte %d that is not followed by two hexadecimal digits", i)
			}
			c = hexValue(text[i+1])<<4 | hexValue(text[i+2])
			i, found = i+2, true
		}
		text[to] = c
		to++
	}
	if found && !utf8.Valid(text[:to]) {
		return text, "is percent-encoded, but not of UTF-8"
	}
	return text[:to], ""
}
