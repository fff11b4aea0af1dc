package event

import (
	"fmt"
	"strings"
)

// What may stand in a URI (RFC 3986, section 2 and appendix A).
const (
	inPath      uint8 = 1 << iota // pchar and slash: also in userinfo and reg-name, less some
	inQuery                       // of queries and fragments
	inAuthority                   // of authorities, with the brackets of addresses
	inScheme
)

// uriBytes says for each byte in which parts it may stand. The percent sign is
// dealt with apart.
var uriBytes = func() (t [256]uint8) {
	for c := range len(t) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		digit := c >= '0' && c <= '9'
		in := func(s string) bool { return strings.IndexByte(s, byte(c)) >= 0 }
		if letter || digit || in("-._~!$&'()*+,;=:@") {
			t[c] |= inPath | inQuery | inAuthority
		}
		if in("/") {
			t[c] |= inPath | inQuery
		}
		if in("?") {
			t[c] |= inQuery
		}
		if in("[]") {
			t[c] |= inAuthority
		}
		if letter || digit || in("+-.") {
			t[c] |= inScheme
		}
	}
	return t
}()

// uriFault says what is wrong with a URI with a scheme. A fragment may be there: the
// specification's JSON schema has it so, though its text asks for RFC 3986's
// absolute-URI.
func uriFault(s string) string {
	if fault := referenceFault(s); fault != "" {
		return fault
	}
	if !hasScheme(s) {
		return "is no URI with a scheme, such as https:"
	}
	return ""
}

// referenceFault says what is wrong with a URI-reference (RFC 3986, section 4.1).
func referenceFault(s string) string {
	rest, at := s, 0
	part := func(end int, allowed uint8) string {
		fault := partFault(rest[:end], at, allowed)
		rest, at = rest[end:], at+end
		return fault
	}
	until := func(stops string) int {
		if end := strings.IndexAny(rest, stops); end >= 0 {
			return end
		}
		return len(rest)
	}
	if end := until(":/?#"); end < len(rest) && rest[end] == ':' {
		if !hasScheme(s) {
			return "is no URI-reference: what stands before the first colon is no scheme"
		}
		rest, at = rest[end+1:], end+1
	}
	if strings.HasPrefix(rest, "//") {
		rest, at = rest[2:], at+2
		end := until("/?#")
		if fault := authorityFault(rest[:end]); fault != "" {
			return fault
		}
		if fault := part(end, inAuthority); fault != "" {
			return fault
		}
	}
	if fault := part(until("?#"), inPath); fault != "" {
		return fault
	}
	if strings.HasPrefix(rest, "?") {
		if fault := part(until("#"), inQuery); fault != "" {
			return fault
		}
	}
	if strings.HasPrefix(rest, "#") {
		rest, at = rest[1:], at+1
		return part(len(rest), inQuery)
	}
	return ""
}

// partFault looks for what may not stand in a part of a URI that begins at byte at.
func partFault(s string, at int, allowed uint8) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case uriBytes[c]&allowed != 0:
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			i += 2
		case c == '%':
			return fmt.Sprintf("is no URI-reference: the percent sign at byte %d is not followed by two hexadecimal digits", at+i)
		default:
			return fmt.Sprintf("is no URI-reference: %q at byte %d would have to be percent-encoded", c, at+i)
		}
	}
	return ""
}

// authorityFault looks at the brackets, which stand around an address only, and at
// the port (RFC 3986, section 3.2).
func authorityFault(s string) string {
	const fault = "is no URI-reference: "
	user, host, found := strings.Cut(s, "@")
	if !found {
		user, host = "", s
	}
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 2 {
			return fault + "the brackets of its host are not closed, or empty"
		}
		host = host[end+1:]
		if host != "" && host[0] != ':' {
			return fault + "something stands between its host and its port"
		}
	}
	if strings.ContainsAny(user+host, "[]@") {
		return fault + "a bracket or a second at sign stands before its path"
	}
	if _, port, _ := strings.Cut(host, ":"); strings.Trim(port, "0123456789") != "" {
		return fault + "its port is no number"
	}
	return ""
}

// hasScheme tells whether a URI begins with a scheme (RFC 3986, section 3.1).
func hasScheme(s string) bool {
	colon := strings.IndexByte(s, ':')
	if colon < 1 || s[0]|0x20 < 'a' || s[0]|0x20 > 'z' {
		return false
	}
	for i := range colon {
		if uriBytes[s[i]]&inScheme == 0 {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}
