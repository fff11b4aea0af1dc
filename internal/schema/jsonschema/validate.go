package jsonschema

import (
	"encoding/json"
	"errors"
	"math"
	"strings"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/jsontext"
	js "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// validator checks payloads with the library: those of schemas that have no plan.
type validator struct {
	root *js.Schema
	// depth is how deep a payload may be nested.
	depth int
}

// maxApplied is how many schemas may be applied to the values of a payload that
// is nested without branching.
const maxApplied = 10_000_000

// newValidator makes the fastest validator that a schema can have.
func newValidator(root *js.Schema) schema.Validator {
	if p, ok := planOf(root); ok {
		return planned{p}
	}
	return newFull(root)
}

// newFull makes a validator for any schema. It finds out how deep payloads may
// be: a schema that uses itself more than once for the same value takes time
// that doubles with each level.
func newFull(root *js.Schema) validator {
	e := examination{cost: map[*js.Schema]int{}}
	most := 1
	for _, s := range reachable(root) {
		cost, _ := e.inPlace(s) // it was examined before
		most = max(most, cost)
	}
	if most == 1 || ways(root) < maxApplied {
		return validator{root, jsontext.MaxDepth}
	}
	return validator{root, min(jsontext.MaxDepth, int(math.Log(maxApplied)/math.Log(float64(most))))}
}

// ways is in how many ways one comes from a schema to those that it uses:
// maxApplied if there are as many, or no end of them.
func ways(root *js.Schema) int {
	known := map[*js.Schema]int{}
	var of func(s *js.Schema) int
	of = func(s *js.Schema) int {
		if s == nil {
			return 0
		}
		if n, begun := known[s]; begun {
			return n
		}
		known[s] = maxApplied // until it is known: it may use itself
		n := 1
		for _, list := range [][]*js.Schema{applied(s), within(s)} {
			for _, sub := range list {
				n = min(n+of(sub), maxApplied)
			}
		}
		known[s] = n
		return n
	}
	return of(root)
}

// Validate checks a JSON text.
func (v validator) Validate(_ []int, payload []byte) error {
	value, err := jsontext.Parse(string(payload))
	if err != nil {
		return &schema.Mismatch{Reason: err.Error()}
	}
	doc, err := v.document(&value, 0)
	if err != nil {
		return &schema.Mismatch{Reason: err.Error()}
	}
	return mismatch(v.root.Validate(doc))
}

var errDepth = errors.New("nested deeper than this schema can be checked")

func (v validator) document(value *jsontext.Value, depth int) (any, error) {
	if depth > v.depth {
		return nil, errDepth
	}
	switch value.Kind {
	case jsontext.Null:
		return nil, nil
	case jsontext.Bool:
		return value.Text == "true", nil
	case jsontext.String:
		return value.Text, nil
	case jsontext.Int, jsontext.Float:
		if !sane(value.Text) {
			return nil, errors.New("a number beyond what a double can be: " + short(value.Text))
		}
		return json.Number(value.Text), nil
	case jsontext.Array:
		items := make([]any, len(value.Items))
		for i := range value.Items {
			var err error
			if items[i], err = v.document(&value.Items[i], depth+1); err != nil {
				return nil, err
			}
		}
		return items, nil
	}
	members := make(map[string]any, len(value.Members))
	for i := range value.Members {
		m, err := v.document(&value.Members[i].Value, depth+1)
		if err != nil {
			return nil, err
		}
		members[value.Members[i].Name] = m
	}
	return members, nil
}

// mismatch tells the first reason that the library found.
func mismatch(err error) error {
	var invalid *js.ValidationError
	if !errors.As(err, &invalid) {
		if err != nil {
			return &schema.Mismatch{Reason: err.Error()}
		}
		return nil
	}
	for len(invalid.Causes) > 0 {
		if _, choice := invalid.ErrorKind.(*kind.AnyOf); choice {
			break
		}
		invalid = invalid.Causes[0]
	}
	var path strings.Builder
	for _, step := range invalid.InstanceLocation {
		path.WriteByte('/')
		path.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(step))
	}
	return &schema.Mismatch{Path: path.String(), Reason: invalid.ErrorKind.LocalizedString(message.NewPrinter(language.English))}
}
