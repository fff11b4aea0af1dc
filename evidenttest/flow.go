package evidenttest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// Flow says which part of what went through the node is compared by [Node.Golden].
type Flow struct {
	// Topics are the topics, in the order in which they are written.
	Topics []string
	// Omit are names of attributes, headers and members of JSON data, at any depth,
	// whose values are not the same each time; they are written as "…".
	Omit []string
	// IDs finds further ids that are new each time. UUIDs, ULIDs and hexadecimal numbers
	// of 16 digits or more are found anyway.
	IDs *regexp.Regexp
}

// generated are ids that programs make up: UUIDs, ULIDs, and long hexadecimal numbers.
var generated = regexp.MustCompile(`\b(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-7][0-9A-HJKMNP-TV-Z]{25}|[0-9a-f]{16,})\b`)

// text is the flow as golden files have it: topics, in them keys in their order, and of
// each key its records in theirs. Records without a key are in no order.
func (f Flow) text(topics []*topic) string {
	var b strings.Builder
	for _, name := range f.Topics {
		fmt.Fprintf(&b, "topic %s\n", name)
		i := slices.IndexFunc(topics, func(t *topic) bool { return t.name == name })
		if i < 0 {
			b.WriteString("  does not exist\n")
			continue
		}
		for _, part := range f.parts(topics[i].records()) {
			b.WriteString(part)
		}
	}
	return f.numberIDs(b.String())
}

// parts are the records of each key, and each record without one, in the order of what
// they say but for ids.
func (f Flow) parts(records []*kgo.Record) []string {
	keys := make(map[string]string)
	var parts []string
	for _, r := range records {
		if r.Key == nil {
			parts = append(parts, "  no key\n"+f.record(r))
			continue
		}
		key := string(r.Key)
		if keys[key] == "" {
			keys[key] = fmt.Sprintf("  key %s\n", text(r.Key))
		}
		keys[key] += f.record(r)
	}
	for _, part := range keys {
		parts = append(parts, part)
	}
	slices.SortFunc(parts, func(a, b string) int {
		return cmp.Or(strings.Compare(f.withoutIDs(a), f.withoutIDs(b)), strings.Compare(a, b))
	})
	return parts
}

// record is a record in one line, or two if it has data.
func (f Flow) record(r *kgo.Record) string {
	e := eventOf(r)
	words := []string{"record"}
	if e.Type != event.ViewType {
		words = []string{e.Type, "id=" + f.value("id", e.ID)}
		for name, value := range e.Attributes() {
			switch name {
			case "specversion", "id", "type", "time":
			default:
				words = append(words, name+"="+f.value(name, value.String()))
			}
		}
	} else {
		for _, h := range r.Headers {
			words = append(words, h.Key+"="+f.value(h.Key, string(h.Value)))
		}
	}
	line := "    " + strings.Join(words, " ") + "\n"
	if e.Data == nil {
		return line
	}
	return line + "      " + f.data(e.Data) + "\n"
}

func (f Flow) value(name, value string) string {
	if slices.Contains(f.Omit, name) {
		return "…"
	}
	if strings.ContainsAny(value, " \n\"") || !utf8.ValidString(value) {
		return fmt.Sprintf("%q", value)
	}
	return value
}

// data is JSON on one line with its members sorted, and anything else as Go quotes it.
func (f Flow) data(data []byte) string {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // digits stay what they are
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return fmt.Sprintf("%q", data)
	}
	var b strings.Builder
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	if err := out.Encode(f.omit(v)); err != nil {
		return fmt.Sprintf("%q", data)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (f Flow) omit(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if slices.Contains(f.Omit, name) {
				v[name] = "…"
			} else {
				v[name] = f.omit(member)
			}
		}
	case []any:
		for i := range v {
			v[i] = f.omit(v[i])
		}
	}
	return v
}

// replaceIDs replaces all ids that are new each time.
func (f Flow) replaceIDs(s string, by func(id string) string) string {
	s = generated.ReplaceAllStringFunc(s, by)
	if f.IDs != nil {
		s = f.IDs.ReplaceAllStringFunc(s, by)
	}
	return s
}

func (f Flow) withoutIDs(s string) string {
	return f.replaceIDs(s, func(string) string { return "<>" })
}

// numberIDs writes <1> for the first id, wherever it is, and so on.
func (f Flow) numberIDs(s string) string {
	numbers := make(map[string]string)
	return f.replaceIDs(s, func(id string) string {
		if numbers[id] == "" {
			numbers[id] = fmt.Sprintf("<%d>", len(numbers)+1)
		}
		return numbers[id]
	})
}
