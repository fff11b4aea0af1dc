package event

import (
	"fmt"
	"unicode/utf8"
)

// nameFault says what is wrong with an attribute's name (CloudEvents 1.0, "Naming
// Conventions").
func nameFault(name string) string {
	switch {
	case name == "":
		return "has no name"
	case name == "data":
		return "is not a name that an attribute may have"
	case !isName(name):
		return "is not a name that an attribute may have: a to z and 0 to 9 only"
	}
	return ""
}

// isName tells whether a text has only what names of attributes have.
func isName[T string | []byte](name T) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(name) > 0 && string(name) != "data"
}

// textFault says what is wrong with a String (CloudEvents 1.0, "Type System"): it
// is UTF-8 without control characters and noncharacters.
func textFault(s string) string {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return fmt.Sprintf("has the control character U+%04X at byte %d", c, i)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return fmt.Sprintf("is not UTF-8 at byte %d", i)
		case r <= 0x9f:
			return fmt.Sprintf("has the control character U+%04X at byte %d", r, i)
		case r&0xfffe == 0xfffe, r >= 0xfdd0 && r <= 0xfdef:
			return fmt.Sprintf("has U+%04X at byte %d, which is no character", r, i)
		}
		i += n
	}
	return ""
}
