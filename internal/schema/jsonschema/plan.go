package jsonschema

import (
	"math/big"

	js "github.com/santhosh-tekuri/jsonschema/v6"
)

// plan is a schema as a walk over a payload's bytes checks it: for schemas with
// the keywords that most have, each of which can be judged when its value has
// been seen once.
type plan struct {
	types      kinds
	properties map[string]property
	required   uint64 // bits of properties
	additional *plan  // for properties that are not named; nil for any
	noMore     bool   // no others are allowed

	minProperties, maxProperties, minItems, maxItems, minLength, maxLength limit

	items   *plan
	pattern js.Regexp
	fixed   fixed // the pattern, if it is one of those
	format  *js.Format
	values  []any // of enum, or const: strings, numbers, booleans, nulls
	bounds  []numberBound
}

// property is what is known of a named property: its plan, nil for any, and its
// own bit, by which one sees that it is there, or there twice.
type property struct {
	plan *plan
	bit  uint64
}

// limit is a number that may be missing.
type limit struct {
	n   int
	set bool
}

func limitOf(n *int) limit {
	if n == nil {
		return limit{}
	}
	return limit{*n, true}
}

// kinds is a set of JSON's types. A whole number is of both.
type kinds uint8

const (
	isNull kinds = 1 << iota
	isBoolean
	isNumber
	isInteger
	isString
	isArray
	isObject
)

var kindOfType = map[string]kinds{
	"null": isNull, "boolean": isBoolean, "number": isNumber, "integer": isInteger,
	"string": isString, "array": isArray, "object": isObject,
}

var kindNames = map[kinds]string{
	isNull: "null", isBoolean: "a boolean", isNumber: "a number", isInteger: "an integer", isNumber | isInteger: "an integer",
	isString: "a string", isArray: "an array", isObject: "an object",
}

// numberBound is a limit of numbers.
type numberBound struct {
	rat *big.Rat
	// float is the same, if it is the same.
	float float64
	exact bool
	// over says that numbers must be above; equal that the limit itself is
	// allowed.
	over, equal bool
}

// planner makes plans, each schema's once: they may use themselves.
type planner struct {
	plans map[*js.Schema]*plan
	fit   bool
}

// planOf makes the plan of a schema, and says false if it has other keywords.
func planOf(root *js.Schema) (*plan, bool) {
	p := planner{map[*js.Schema]*plan{}, true}
	made := p.plan(root)
	return made, p.fit
}

func (p *planner) plan(s *js.Schema) *plan {
	if made := p.plans[s]; made != nil {
		return made
	}
	if s.Ref != nil && !hasOthers(s) && s.Ref != s {
		made := p.plan(s.Ref)
		p.plans[s] = made
		return made
	}
	made := &plan{}
	p.plans[s] = made
	if s.Ref != nil || unplanned(s) {
		p.fit = false
		return made
	}
	p.fill(made, s)
	return made
}

// hasOthers says whether a schema with $ref has more to it.
func hasOthers(s *js.Schema) bool {
	return s.DraftVersion >= 2019 && (unplanned(s) || s.Types != nil || s.Properties != nil || s.Required != nil || s.AdditionalProperties != nil ||
		s.Items != nil || s.Items2020 != nil || s.Enum != nil || s.Const != nil || s.Format != nil || s.Pattern != nil ||
		s.MinLength != nil || s.MaxLength != nil || s.MinItems != nil || s.MaxItems != nil || s.MinProperties != nil || s.MaxProperties != nil ||
		s.Minimum != nil || s.Maximum != nil || s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil)
}

// unplanned says whether a schema has keywords that plans do not know.
func unplanned(s *js.Schema) bool {
	list, isList := s.Items.([]*js.Schema)
	return s.Bool != nil && !*s.Bool || s.RecursiveRef != nil || s.DynamicRef != nil || s.Not != nil || s.AllOf != nil || s.AnyOf != nil || s.OneOf != nil ||
		s.If != nil || s.Then != nil || s.Else != nil || s.PropertyNames != nil || s.PatternProperties != nil || s.Dependencies != nil ||
		s.DependentRequired != nil || s.DependentSchemas != nil || s.UnevaluatedProperties != nil || s.UnevaluatedItems != nil ||
		s.UniqueItems || s.Contains != nil || isList && list != nil || s.PrefixItems != nil || s.ContentSchema != nil ||
		s.ContentEncoding != nil || s.ContentMediaType != nil || s.MultipleOf != nil || len(s.Extensions) > 0
}

func (p *planner) fill(made *plan, s *js.Schema) {
	if s.Types != nil {
		for _, t := range s.Types.ToStrings() {
			made.types |= kindOfType[t]
		}
	}
	p.object(made, s)
	made.minItems, made.maxItems = limitOf(s.MinItems), limitOf(s.MaxItems)
	made.minLength, made.maxLength = limitOf(s.MinLength), limitOf(s.MaxLength)
	made.pattern, made.format = s.Pattern, s.Format
	if s.Pattern != nil {
		made.fixed = fixedOf(s.Pattern.String())
	}
	items := s.Items2020
	if items == nil {
		items, _ = s.Items.(*js.Schema)
	}
	if items != nil {
		made.items = p.plan(items)
	}
	p.values(made, s)
	for _, b := range []struct {
		rat         *big.Rat
		over, equal bool
	}{{s.Minimum, true, true}, {s.Maximum, false, true}, {s.ExclusiveMinimum, true, false}, {s.ExclusiveMaximum, false, false}} {
		if b.rat != nil {
			f, exact := b.rat.Float64()
			made.bounds = append(made.bounds, numberBound{b.rat, f, exact, b.over, b.equal})
		}
	}
}

func (p *planner) object(made *plan, s *js.Schema) {
	made.minProperties, made.maxProperties = limitOf(s.MinProperties), limitOf(s.MaxProperties)
	made.properties = make(map[string]property, len(s.Properties))
	add := func(name string, sub *plan) uint64 {
		bit := uint64(1) << len(made.properties)
		made.properties[name] = property{sub, bit}
		return bit
	}
	for name, sub := range s.Properties {
		add(name, p.plan(sub))
	}
	for _, name := range s.Required {
		bit := made.properties[name].bit
		if bit == 0 {
			// It is not named: what holds for others holds for it.
			p.fit = p.fit && s.AdditionalProperties == nil
			bit = add(name, nil)
		}
		made.required |= bit
	}
	if len(made.properties) > 64 {
		p.fit = false // a bit for each
	}
	switch r := restOf(s.AdditionalProperties); {
	case r.none:
		made.noMore = true
	case r.schema != nil:
		made.additional = p.plan(r.schema)
	}
}

func (p *planner) values(made *plan, s *js.Schema) {
	if s.Const != nil && s.Enum != nil {
		p.fit = false
		return
	}
	if s.Const != nil {
		made.values = []any{*s.Const}
	}
	if s.Enum != nil {
		made.values = append([]any{}, s.Enum.Values...)
	}
	for _, v := range made.values {
		switch v.(type) {
		case nil, bool, string:
		default:
			p.fit = false // 1 and 1.0 are the same, which needs arithmetic
		}
	}
}
