package jsonschema

import (
	"encoding/json"
	"math/big"

	js "github.com/santhosh-tekuri/jsonschema/v6"
)

// bound compares a limit that allows more the larger it is; upper is false for
// those that allow more the smaller they are.
func bound[T any](p place, keyword, name string, old, new *T, upper bool, cmp func(a, b T) int) {
	switch {
	case new == nil:
	case old == nil:
		p.add(name+"_ADDED", keyword)
	case upper && cmp(*new, *old) < 0:
		p.add(name+"_DECREASED", keyword)
	case !upper && cmp(*new, *old) > 0:
		p.add(name+"_INCREASED", keyword)
	}
}

func intBound(p place, keyword, name string, old, new *int, upper bool) {
	bound(p, keyword, name, old, new, upper, func(a, b int) int { return a - b })
}

func ratBound(p place, keyword, name string, old, new *big.Rat, upper bool) {
	var a, b **big.Rat
	if old != nil {
		a = &old
	}
	if new != nil {
		b = &new
	}
	bound(p, keyword, name, a, b, upper, (*big.Rat).Cmp)
}

func (p place) strings(old, new *js.Schema) {
	intBound(p, "maxLength", "MAX_LENGTH", old.MaxLength, new.MaxLength, true)
	intBound(p, "minLength", "MIN_LENGTH", old.MinLength, new.MinLength, false)
	switch {
	case new.Pattern == nil:
	case old.Pattern == nil:
		p.add("PATTERN_ADDED", "pattern")
	case old.Pattern.String() != new.Pattern.String():
		p.add("PATTERN_CHANGED", "pattern")
	}
}

func (p place) numbers(old, new *shape) {
	a, b := old.of, new.of
	ratBound(p, "maximum", "MAXIMUM", a.Maximum, b.Maximum, true)
	ratBound(p, "minimum", "MINIMUM", a.Minimum, b.Minimum, false)
	ratBound(p, "exclusiveMaximum", "EXCLUSIVE_MAXIMUM", a.ExclusiveMaximum, b.ExclusiveMaximum, true)
	ratBound(p, "exclusiveMinimum", "EXCLUSIVE_MINIMUM", a.ExclusiveMinimum, b.ExclusiveMinimum, false)
	p.multiples(a.MultipleOf, b.MultipleOf)
	if new.integer && !old.integer {
		p.add("TYPE_NARROWED", "")
	}
}

func (p place) multiples(old, new *big.Rat) {
	switch {
	case new == nil || old != nil && old.Cmp(new) == 0:
	case old == nil:
		p.add("MULTIPLE_OF_ADDED", "multipleOf")
	case old.Sign() != 0 && new.Sign() != 0 && quotient(new, old).IsInt():
		p.add("MULTIPLE_OF_EXPANDED", "multipleOf")
	case old.Sign() == 0 || new.Sign() == 0 || !quotient(old, new).IsInt():
		p.add("MULTIPLE_OF_CHANGED", "multipleOf")
	}
}

func quotient(a, b *big.Rat) *big.Rat { return new(big.Rat).Quo(a, b) }

func (p place) enums(old, new []any) {
	added, removed := missing(old, new), missing(new, old)
	switch {
	case removed && added:
		p.add("ENUM_ARRAY_CHANGED", "enum")
	case removed:
		p.add("ENUM_ARRAY_NARROWED", "enum")
	}
}

// missing says whether one of the values of b is not in a.
func missing(a, b []any) bool {
	has := make(map[string]bool, len(a))
	for _, v := range a {
		has[canonical(v)] = true
	}
	for _, v := range b {
		if !has[canonical(v)] {
			return true
		}
	}
	return false
}

func equal(a, b any) bool { return canonical(a) == canonical(b) }

// canonical is the same text for equal values: members in order, and numbers
// as fractions.
func canonical(v any) string {
	b, _ := json.Marshal(fractions(v))
	return string(b)
}

func fractions(v any) any {
	switch v := v.(type) {
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok {
			return []string{r.String()}
		}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = fractions(v[i])
		}
		return map[string]any{"": list}
	case map[string]any:
		object := make(map[string]any, len(v))
		for k := range v {
			object["."+k] = fractions(v[k])
		}
		return object
	}
	return v
}

func (p place) arrays(old, new *js.Schema) {
	oldAll, oldFirst, oldRest := items(old)
	newAll, newFirst, newRest := items(new)
	p.at("items").compare(oldAll, newAll)
	p.tuples(oldFirst, newFirst, oldRest, newRest, restOf(old.UnevaluatedItems), restOf(new.UnevaluatedItems))
	p.rests("additionalItems", "ADDITIONAL_ITEMS", oldRest, newRest)
	p.rests("unevaluatedItems", "UNEVALUATED_ITEMS", restOf(old.UnevaluatedItems), restOf(new.UnevaluatedItems))
	intBound(p, "maxItems", "MAX_ITEMS", old.MaxItems, new.MaxItems, true)
	intBound(p, "minItems", "MIN_ITEMS", old.MinItems, new.MinItems, false)
	if new.UniqueItems && !old.UniqueItems {
		p.add("UNIQUE_ITEMS_ADDED", "uniqueItems")
	}
	intBound(p, "maxContains", "MAX_CONTAINS", old.MaxContains, new.MaxContains, true)
	intBound(p, "minContains", "MIN_CONTAINS", old.MinContains, new.MinContains, false)
}

// rests compares what is said of properties or items that are not named.
func (p place) rests(keyword, name string, old, new rest) {
	switch {
	case new.none && !old.none:
		p.add(name+"_REMOVED", keyword)
	case new.schema != nil && old.schema == nil && !old.none:
		p.add(name+"_NARROWED", keyword)
	case new.schema != nil && old.schema != nil:
		p.at(keyword).compare(old.schema, new.schema)
	}
}
