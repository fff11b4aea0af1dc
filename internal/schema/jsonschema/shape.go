package jsonschema

import (
	"maps"
	"slices"

	js "github.com/santhosh-tekuri/jsonschema/v6"
)

// form is what a schema is to a comparison: one of these, or several at once,
// which are a combination of all. Confluent's registry takes schemas apart in
// this way, and its findings follow from it.
type form uint8

const (
	formEmpty form = iota // takes everything
	formFalse             // takes nothing
	formString
	formNumber
	formBoolean
	formNull
	formObject
	formArray
	formEnum
	formConst
	formNot
	formConditional
	formCombined
)

// criterion is how many of its schemas a combination asks for.
type criterion uint8

const (
	allOf criterion = iota
	anyOf
	oneOf
)

// shape is a schema as comparisons see it.
type shape struct {
	form form
	of   *js.Schema // whose keywords count
	// integer says that a number must be whole.
	integer bool
	// Of a combination.
	criterion criterion
	parts     []*shape
	// negated is the schema of a formNot.
	negated *js.Schema
}

// shapes makes the shape of each schema once.
type shapes map[*js.Schema]*shape

// shape follows $ref; examine has made sure that this ends.
func (m shapes) shape(s *js.Schema) *shape {
	if known := m[s]; known != nil {
		return known
	}
	made := m.make(s)
	m[s] = made
	return made
}

func (m shapes) make(s *js.Schema) *shape {
	if s.Bool != nil {
		if *s.Bool {
			return &shape{form: formEmpty, of: s}
		}
		return &shape{form: formFalse, of: s}
	}
	parts := m.parts(s)
	switch len(parts) {
	case 0:
		return &shape{form: formEmpty, of: s}
	case 1:
		return parts[0]
	}
	return &shape{form: formCombined, of: s, criterion: allOf, parts: parts}
}

func (m shapes) parts(s *js.Schema) (parts []*shape) {
	for _, ref := range []*js.Schema{s.Ref, s.RecursiveRef} {
		if ref != nil {
			parts = append(parts, m.shape(ref))
		}
	}
	if s.DynamicRef != nil {
		parts = append(parts, m.shape(s.DynamicRef.Ref))
	}
	if s.Enum != nil {
		parts = append(parts, &shape{form: formEnum, of: s})
	}
	if s.Const != nil {
		parts = append(parts, &shape{form: formConst, of: s})
	}
	for i, list := range [][]*js.Schema{allOf: s.AllOf, anyOf: s.AnyOf, oneOf: s.OneOf} {
		if len(list) > 0 {
			parts = append(parts, m.combined(s, criterion(i), list))
		}
	}
	if s.Not != nil {
		parts = append(parts, &shape{form: formNot, of: s, negated: s.Not})
	}
	if s.If != nil {
		parts = append(parts, &shape{form: formConditional, of: s})
	}
	return append(parts, typed(s)...)
}

func (m shapes) combined(s *js.Schema, c criterion, list []*js.Schema) *shape {
	made := &shape{form: formCombined, of: s, criterion: c}
	for _, sub := range list {
		made.parts = append(made.parts, m.shape(sub))
	}
	return made
}

var formOfType = map[string]form{
	"null": formNull, "boolean": formBoolean, "number": formNumber, "integer": formNumber,
	"string": formString, "array": formArray, "object": formObject,
}

// typed are the parts that follow from "type", or, without it, from keywords
// that mean something for values of one type only.
func typed(s *js.Schema) []*shape {
	if s.Types == nil {
		return guessed(s)
	}
	var parts []*shape
	for _, t := range s.Types.ToStrings() {
		parts = append(parts, &shape{form: formOfType[t], of: s, integer: t == "integer"})
	}
	if len(parts) > 1 {
		return []*shape{{form: formCombined, of: s, criterion: anyOf, parts: parts}}
	}
	return parts
}

func guessed(s *js.Schema) (parts []*shape) {
	add := func(f form, there bool) {
		if there {
			parts = append(parts, &shape{form: f, of: s})
		}
	}
	add(formArray, s.Items != nil || s.AdditionalItems != nil || s.Items2020 != nil || s.PrefixItems != nil || s.MinItems != nil ||
		s.MaxItems != nil || s.UniqueItems || s.Contains != nil || s.UnevaluatedItems != nil)
	add(formString, s.MinLength != nil || s.MaxLength != nil || s.Pattern != nil)
	add(formNumber, s.Minimum != nil || s.Maximum != nil || s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil || s.MultipleOf != nil)
	add(formObject, s.Properties != nil || s.Required != nil || s.AdditionalProperties != nil || s.MinProperties != nil || s.MaxProperties != nil ||
		s.Dependencies != nil || s.DependentRequired != nil || s.DependentSchemas != nil || s.PatternProperties != nil || s.PropertyNames != nil || s.UnevaluatedProperties != nil)
	return parts
}

// rest is what a schema says of properties or items that it does not name: that
// there may be none, or a schema for them; neither if there may be any.
type rest struct {
	none   bool
	schema *js.Schema
}

func restOf(v any) rest {
	switch v := v.(type) {
	case bool:
		return rest{none: !v}
	case *js.Schema:
		if v == nil || v.Bool != nil && *v.Bool {
			return rest{}
		}
		if v.Bool != nil {
			return rest{none: true}
		}
		return rest{schema: v}
	}
	return rest{}
}

// items are what an array's schema says of its items: one schema for all of
// them, or one for each of the first, and the rest.
func items(s *js.Schema) (all *js.Schema, first []*js.Schema, others rest) {
	if list, ok := s.Items.([]*js.Schema); ok {
		return nil, list, restOf(s.AdditionalItems)
	}
	if s.PrefixItems != nil {
		return nil, s.PrefixItems, restOf(s.Items2020)
	}
	one := s.Items2020
	if one == nil {
		one, _ = s.Items.(*js.Schema)
	}
	// Without a list of items, additionalItems means nothing.
	r := restOf(one)
	return r.schema, nil, rest{none: r.none}
}

// names are the names of properties of two objects, in order.
func names(a, b map[string]*js.Schema) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]*js.Schema{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}
