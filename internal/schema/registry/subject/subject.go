// Package subject reads the names of subjects. A name may say in which context its
// subject is, ":.CONTEXT:SUBJECT"; without that it is in the default one, which is
// called ".". Ids of schemas are given for each context by itself.
package subject

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

const (
	// Default is the context of names that have none.
	Default = "."
	// Global is the context whose configuration and mode hold where no context has
	// its own.
	Global = ".__GLOBAL"
	// Any begins prefixes of subjects in all contexts.
	Any = ":*:"

	prefix    = ":."
	wildcard  = "*"
	delimiter = ":"
)

// reserved cannot be names of subjects.
func reserved(name string) bool { return name == "__GLOBAL" || name == "__EMPTY" }

// A Name is a name taken apart. It is comparable.
type Name struct {
	// Context begins with a point.
	Context string
	// Subject is the name within the context; empty: the context itself.
	Subject string
}

// Parse takes a name apart, as Confluent's registry does: there is none that it
// refuses.
func Parse(text string) Name {
	if rest, ok := strings.CutPrefix(text, prefix); ok {
		context, subject, _ := strings.Cut(rest, delimiter)
		return Name{"." + context, subject}
	}
	if rest, ok := strings.CutPrefix(text, Any); ok {
		return Name{wildcard, rest}
	}
	return Name{Default, text}
}

// ContextPrefix is what names in the context begin with; empty for the default one.
func (n Name) ContextPrefix() string {
	if n.Context == Default {
		return ""
	}
	return delimiter + n.Context + delimiter
}

// String is the name in the one form in which records and answers have it.
func (n Name) String() string { return n.ContextPrefix() + n.Subject }

// Top tells whether it is the default context itself.
func (n Name) Top() bool { return n == Name{Context: Default} }

// Compare orders by context, then by subject.
func (n Name) Compare(other Name) int {
	return cmp.Or(cmp.Compare(n.Context, other.Context), cmp.Compare(n.Subject, other.Subject))
}

// Covers tells whether a name is this one, or in the context that this one is.
func (n Name) Covers(other Name) bool {
	return n == other || n.Subject == "" && (n.Context == Global || n.Context == other.Context)
}

// Clears tells whether a name is among those that are made empty with this one, for
// importing: as Covers, but the default context itself stands for all.
func (n Name) Clears(other Name) bool { return n.Top() || n.Covers(other) }

// Matcher tells of names whether they begin with a prefix: of subjects in all contexts
// (see [Any]), of contexts if it is the beginning of one, else of subjects in its context.
func Matcher(text string) func(Name) bool {
	if _, rest, ok := strings.Cut(text, Any); ok {
		return func(n Name) bool { return strings.HasPrefix(n.Subject, rest) }
	}
	p := Parse(text)
	if rest, ok := strings.CutPrefix(text, prefix); ok && !strings.Contains(rest, delimiter) {
		return func(n Name) bool { return n.Context != Default && strings.HasPrefix(n.Context, p.Context) }
	}
	return func(n Name) bool { return n.Context == p.Context && strings.HasPrefix(n.Subject, p.Subject) }
}

// Within is a name as a schema of this subject uses it in a reference: without a
// context it is in the schema's own.
func (n Name) Within(text string) Name {
	other := Parse(text)
	if other.Context == Default {
		other.Context = n.Context
	}
	return other
}

// ErrInvalid is in errors about names that no subject can have.
var ErrInvalid = errors.New("no name of a subject")

// Check refuses what no subject can be called. The global context is one of
// configurations and modes only.
func Check(text string, forConfig bool) error {
	n := Parse(text)
	switch {
	case strings.ContainsFunc(text, unicode.IsControl):
		return fmt.Errorf("%w: %q has a control character", ErrInvalid, text)
	case reserved(n.Subject):
		return fmt.Errorf("%w: %q is reserved", ErrInvalid, n.Subject)
	case n.Context == Global && !forConfig:
		return fmt.Errorf("%w: there are no subjects in the context %s", ErrInvalid, Global)
	}
	return nil
}

// Context reads the name of a context, which may stand in its delimiters and without
// its point, and returns what names in it begin with.
func Context(text string) (string, error) {
	text = strings.TrimSuffix(strings.TrimPrefix(text, delimiter), delimiter)
	if strings.Contains(text, delimiter) {
		return "", fmt.Errorf("context name '%s' cannot contain a colon", text)
	}
	if !strings.HasPrefix(text, ".") {
		text = "." + text
	}
	return Name{Context: text}.ContextPrefix(), nil
}

// Qualified tells whether a text says in which context it is.
func Qualified(text string) bool {
	return strings.HasPrefix(text, prefix) || strings.HasPrefix(text, Any)
}
