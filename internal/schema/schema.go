package schema

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// ErrInvalid is in every error that says a text is no schema: that it breaks
// the rules of its language, refers to what is not there, or goes beyond what
// is safe to work with. It is the author's to mend.
var ErrInvalid = errors.New("invalid schema")

// ErrMismatch is in every error that says a payload does not match a schema.
var ErrMismatch = errors.New("payload does not match its schema")

// Type is a language of schemas, spelled as Confluent's registry spells it in
// "schemaType".
type Type string

// The languages.
const (
	Avro     Type = "AVRO"
	JSON     Type = "JSON"
	Protobuf Type = "PROTOBUF"
)

// Types lists the languages in the order in which the registry gives them out
// (GET /schemas/types).
func Types() []Type { return []Type{JSON, Protobuf, Avro} }

// ParseType reads a language as a client writes it. None means Avro, as it did
// before there were others.
func ParseType(s string) (Type, error) {
	switch t := Type(s); t {
	case "":
		return Avro, nil
	case Avro, JSON, Protobuf:
		return t, nil
	}
	return "", fmt.Errorf("schema type %q: it must be AVRO, JSON or PROTOBUF", s)
}

// Reference says that a schema uses another one, which is a version of a
// subject. Name is how the schema's text names it: the full name of an Avro
// type, the URI of a JSON Schema, the path that a Protobuf file imports.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// SortReferences returns references sorted by name, subject and version, each
// once: the order that a normalized schema has them in.
func SortReferences(refs []Reference) []Reference {
	sorted := slices.Clone(refs)
	slices.SortFunc(sorted, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	return slices.Compact(sorted)
}

// Named is the text of a schema that another one refers to, under the name that
// the reference gives it.
type Named struct {
	Name string
	Text string
}

// Source is a schema as its author wrote it.
type Source struct {
	// Text is the schema: JSON for Avro and JSON Schema, and for Protobuf a
	// file or, as some clients send it, its descriptor in base64.
	Text string
	// References are what the text refers to, as they were given.
	References []Reference
	// Resolved are the texts of all that it refers to, directly or not: each
	// name once, and each after those that it needs itself. The registry finds
	// them; no language fetches anything.
	Resolved []Named
	// New says that the schema is about to be registered. It is then held to
	// rules that older schemas of the topic may break (Avro: defaults of the
	// type of their field, names that the specification allows).
	New bool
}

// Language reads schemas of one type. It is safe for concurrent use.
type Language interface {
	// Type says which language this is.
	Type() Type
	// Parse reads a schema and all that it refers to. Its errors wrap
	// ErrInvalid. Memory and time are bounded for any source.
	Parse(Source) (Schema, error)
}

// Schema is a schema that has been read. It does not change and is safe for
// concurrent use. Two schemas with the same Type, Text and References are the
// same schema.
type Schema interface {
	// Type is the language.
	Type() Type
	// Text is the canonical text: what the registry stores and gives out. It
	// leaves out white space, and what has no meaning where it stands.
	Text() string
	// Normalized is a text that is the same for schemas that differ in nothing
	// but the order of what has none. Its references are SortReferences of
	// References.
	Normalized() string
	// Formatted is the text in the format that a client asks for with
	// ?format=: "resolved" (Avro: with what it refers to written out),
	// "serialized" (Protobuf: its descriptor in base64). Formats that the
	// language does not have, and "", give Text.
	Formatted(format string) string
	// References are what the schema refers to, in the author's order.
	References() []Reference
	// Reads says what may go wrong when a reader that has this schema reads
	// what was written with writer, a schema of the same type. None means
	// that it can read all of it.
	Reads(writer Schema, policy Policy) []Incompatibility
	// Validator returns what checks payloads against this schema. It is made
	// once, at the first call. An error wraps ErrInvalid: the schema can be
	// stored and given out, but nothing can be checked with it.
	Validator() (Validator, error)
}

// Validator says whether payloads match a schema. It is safe for concurrent
// use, and its time and memory are bounded by the length of the payload.
type Validator interface {
	// Validate returns nil if the payload matches. Otherwise the error wraps
	// ErrMismatch and says where in the payload it does not, and why; a
	// *Mismatch has both apart. The payload is without its frame (package
	// frame). Indexes choose the message of a Protobuf schema: the index of a
	// message in the file, then of messages within it; none choose the first.
	// Other languages do not look at them.
	Validate(indexes []int, payload []byte) error
}

// Mismatch is why a payload does not match its schema.
type Mismatch struct {
	// Path is where: a JSON Pointer (RFC 6901) for JSON, names with dots and
	// indexes for Avro and Protobuf. It is empty for the payload as a whole.
	Path string
	// Reason is what is wrong there, with the value and what was expected.
	Reason string
}

func (m *Mismatch) Error() string {
	if m.Path == "" {
		return m.Reason
	}
	return "at " + m.Path + ": " + m.Reason
}

// Is makes every Mismatch an ErrMismatch.
func (m *Mismatch) Is(target error) bool { return target == ErrMismatch }
