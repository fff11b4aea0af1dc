package registrytest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/schema"
)

// Language is one whose schemas are lists of words, said to be Avro. A schema reads what
// has no word that it has not. A word that begins with @ is a reference's name, and
// stands for all that the schema has to which it refers.
type Language struct{}

// Type implements schema.Language.
func (Language) Type() schema.Type { return schema.Avro }

// Parse implements schema.Language.
func (Language) Parse(s schema.Source) (schema.Schema, error) {
	w := words{references: s.References, own: strings.Fields(s.Text)}
	for _, word := range w.own {
		if strings.ContainsAny(word, `{}"`) {
			return nil, fmt.Errorf("%w: %q is no word", schema.ErrInvalid, word)
		}
	}
	resolved := map[string][]string{}
	resolve := func(own []string) (all []string) {
		for _, word := range own {
			if name, ok := strings.CutPrefix(word, "@"); ok {
				all = append(all, resolved[name]...)
				continue
			}
			all = append(all, word)
		}
		return all
	}
	for _, n := range s.Resolved {
		resolved[n.Name] = resolve(strings.Fields(n.Text))
	}
	w.all = resolve(w.own)
	return w, nil
}

type words struct {
	own, all   []string
	references []schema.Reference
}

func (w words) Type() schema.Type              { return schema.Avro }
func (w words) Text() string                   { return strings.Join(w.own, " ") }
func (w words) References() []schema.Reference { return w.references }

func (w words) Normalized() string {
	return strings.Join(slices.Sorted(slices.Values(w.own)), " ")
}

func (w words) Formatted(format string) string {
	if format == "resolved" {
		return strings.Join(w.all, " ")
	}
	return w.Text()
}

func (w words) Reads(writer schema.Schema, _ schema.Policy) (all []schema.Incompatibility) {
	for i, word := range writer.(words).all {
		if !slices.Contains(w.all, word) {
			all = append(all, schema.Incompatibility{
				Type: "UNKNOWN_WORD", Path: fmt.Sprint("/", i), Detail: word,
				Phrase: "the {reader} one has no '{detail}'", Form: "{errorType:'{type}', description:'{description}'}",
			})
		}
	}
	return all
}

func (w words) Validator() (schema.Validator, error) { return nil, schema.ErrInvalid }
