package schema

import (
	"fmt"
	"iter"
	"strings"
)

// Compatibility is what a new version of a subject owes to the versions before
// it, spelled as Confluent's registry spells it.
type Compatibility string

// The levels. The transitive ones are owed to all versions, the others to the
// latest.
const (
	None               Compatibility = "NONE"
	Backward           Compatibility = "BACKWARD"
	BackwardTransitive Compatibility = "BACKWARD_TRANSITIVE"
	Forward            Compatibility = "FORWARD"
	ForwardTransitive  Compatibility = "FORWARD_TRANSITIVE"
	Full               Compatibility = "FULL"
	FullTransitive     Compatibility = "FULL_TRANSITIVE"
)

// ParseCompatibility reads a level. As in Confluent's registry the case of its
// letters does not matter.
func ParseCompatibility(s string) (Compatibility, error) {
	switch c := Compatibility(strings.ToUpper(s)); c {
	case None, Backward, BackwardTransitive, Forward, ForwardTransitive, Full, FullTransitive:
		return c, nil
	}
	return "", fmt.Errorf("compatibility %q: it must be NONE, BACKWARD, BACKWARD_TRANSITIVE, FORWARD, FORWARD_TRANSITIVE, FULL or FULL_TRANSITIVE", s)
}

// Transitive says whether the level is owed to all earlier versions.
func (c Compatibility) Transitive() bool {
	return c == BackwardTransitive || c == ForwardTransitive || c == FullTransitive
}

// Policy says how strictly compatibility of JSON Schemas is judged. The other
// languages do not look at it.
type Policy string

// The policies: Confluent's compatibilityPolicy. Lenient takes it that nobody
// has written properties that a schema did not declare, and that readers ignore
// those they do not know: optional ones may be added and removed whatever an
// object says of additional properties.
const (
	Strict  Policy = "STRICT"
	Lenient Policy = "LENIENT"
)

// ParsePolicy reads a policy. None means Strict.
func ParsePolicy(s string) (Policy, error) {
	switch p := Policy(strings.ToUpper(s)); p {
	case "":
		return Strict, nil
	case Strict, Lenient:
		return p, nil
	}
	return "", fmt.Errorf("compatibility policy %q: it must be STRICT or LENIENT", s)
}

// Incompatibility is one reason why a reader cannot read all that a writer
// writes.
type Incompatibility struct {
	// Type is Confluent's name for it, such as
	// READER_FIELD_MISSING_DEFAULT_VALUE.
	Type string
	// Path is where it is: a JSON Pointer into the schema.
	Path string
	// Detail has the names or values concerned, where Confluent's messages
	// have them: what Avro's additionalInfo says.
	Detail string
	// Phrase describes it, with {path}, {detail}, {reader} and {writer} where
	// the path, the detail, and "new" and "old" belong.
	Phrase string
	// Form is how Confluent's registry writes it in a list of messages, with
	// {type}, {description} and {detail}: clients compare it, and it is not the
	// same for all languages.
	Form string
}

// Describe fills in the phrase. Reader and writer say which schema is which:
// "new" and "old".
func (i Incompatibility) Describe(reader, writer string) string {
	return strings.NewReplacer("{path}", i.Path, "{detail}", i.Detail, "{reader}", reader, "{writer}", writer).Replace(i.Phrase)
}

// Message is the line that Confluent's registry has for it.
func (i Incompatibility) Message(reader, writer string) string {
	return strings.NewReplacer("{type}", i.Type, "{description}", i.Describe(reader, writer), "{detail}", i.Detail).Replace(i.Form)
}

// differentType is what Confluent's registry says of schemas of two languages.
const differentType = "Incompatible because of different schema type"

// maxOldSchema is how many bytes of an old schema stand in a message.
const maxOldSchema = 10 << 10

// Check says why next may not follow the versions before it, as the lines that
// Confluent's registry answers with; none means that it may. The versions come
// newest first, with their numbers, and no more of them are asked for than
// needed: one, or all up to the first that is not compatible.
func Check(level Compatibility, policy Policy, next Schema, versions iter.Seq2[int, Schema]) []string {
	if level == None {
		return nil
	}
	for number, old := range versions {
		messages := checkOne(level, policy, next, old)
		if len(messages) > 0 {
			if next.Type() == old.Type() {
				messages = append(messages, fmt.Sprintf("{oldSchemaVersion: %d}", number), oldSchema(old.Text()))
			}
			return messages
		}
		if !level.Transitive() {
			return nil
		}
	}
	return nil
}

// checkOne compares with one version. With both directions asked for, what the
// old schema cannot read comes first.
func checkOne(level Compatibility, policy Policy, next, old Schema) (messages []string) {
	if next.Type() != old.Type() {
		return []string{differentType}
	}
	if level == Forward || level == ForwardTransitive || level == Full || level == FullTransitive {
		for _, i := range old.Reads(next, policy) {
			messages = append(messages, i.Message("old", "new"))
		}
	}
	if level == Backward || level == BackwardTransitive || level == Full || level == FullTransitive {
		for _, i := range next.Reads(old, policy) {
			messages = append(messages, i.Message("new", "old"))
		}
	}
	return messages
}

func oldSchema(text string) string {
	if len(text) <= maxOldSchema {
		return "{oldSchema: '" + text + "'}"
	}
	return "{oldSchema: <truncated> '" + strings.ToValidUTF8(text[:maxOldSchema], "") + "...'}"
}
