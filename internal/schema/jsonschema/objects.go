package jsonschema

import (
	"maps"
	"slices"
	"strconv"

	js "github.com/santhosh-tekuri/jsonschema/v6"
)

// tuples compares schemas of items by position.
func (p place) tuples(old, new []*js.Schema, oldRest, newRest, oldUneval, newUneval rest) {
	for i := range max(len(old), len(new)) {
		here := p.at("items/" + strconv.Itoa(i))
		switch {
		case i < len(old) && i < len(new):
			here.compare(old[i], new[i])
		case i < len(old):
			here.removed("ITEM", old[i], cover(newRest, newUneval, nil, ""))
		default:
			here.itemAdded(new[i], cover(oldRest, oldUneval, nil, ""))
		}
	}
}

func (p place) itemAdded(new *js.Schema, by covering) {
	switch {
	case by.open && p.shape(new).form != formEmpty:
		p.add("ITEM_ADDED_TO_OPEN_CONTENT_MODEL", "")
	case by.schema != nil:
		p.covered("ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", by.schema, new)
	}
}

// covering is what a schema says of a property, or an item, that it does not
// name: anything goes (an open content model), a schema (a partially open one),
// or nothing (a closed one).
type covering struct {
	open   bool
	schema *js.Schema
}

// cover finds it. Patterns are those of properties.
func cover(additional, unevaluated rest, patterns map[js.Regexp]*js.Schema, name string) covering {
	if !additional.none && additional.schema == nil && len(patterns) == 0 && !unevaluated.none && unevaluated.schema == nil {
		return covering{open: true}
	}
	var matching []js.Regexp
	for re := range patterns {
		if re.MatchString(name) {
			matching = append(matching, re)
		}
	}
	if len(matching) > 0 {
		first := slices.MinFunc(matching, func(a, b js.Regexp) int { return len(a.String()) - len(b.String()) })
		return covering{schema: patterns[first]}
	}
	if additional.schema != nil {
		return covering{schema: additional.schema}
	}
	if !additional.none {
		return covering{schema: unevaluated.schema}
	}
	return covering{}
}

// removed is about a property or an item that the new schema does not name.
func (p place) removed(what string, old *js.Schema, by covering) {
	switch {
	case by.open:
	case by.schema != nil:
		p.covered(what+"_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", old, by.schema)
	case p.shape(old).form != formFalse:
		p.add(what+"_REMOVED_FROM_CLOSED_CONTENT_MODEL", "")
	}
}

// covered compares with the schema that stands in, and says typ if what was
// valid by it is not any more.
func (p place) covered(typ string, old, new *js.Schema) {
	if found := p.comparison.compare(old, new); len(found) > 0 {
		p.take(found)
		p.add(typ, "")
	}
}

func (p place) shape(s *js.Schema) *shape { return p.comparison.shapes.shape(s) }

func (p place) objects(old, new *js.Schema) {
	required := p.at("required")
	for _, name := range names(old.Properties, nil) {
		if prop := new.Properties[name]; prop != nil && slices.Contains(new.Required, name) && !slices.Contains(old.Required, name) && prop.Default == nil {
			required.add("REQUIRED_ATTRIBUTE_ADDED", name)
		}
	}
	p.properties(old, new)
	p.at("dependencies").dependencies(old, new)
	p.rests("additionalProperties", "ADDITIONAL_PROPERTIES", restOf(old.AdditionalProperties), restOf(new.AdditionalProperties))
	p.rests("unevaluatedProperties", "UNEVALUATED_PROPERTIES", restOf(old.UnevaluatedProperties), restOf(new.UnevaluatedProperties))
	intBound(p, "maxProperties", "MAX_PROPERTIES", old.MaxProperties, new.MaxProperties, true)
	intBound(p, "minProperties", "MIN_PROPERTIES", old.MinProperties, new.MinProperties, false)
}

func (p place) properties(old, new *js.Schema) {
	oldRest, newRest := restOf(old.AdditionalProperties), restOf(new.AdditionalProperties)
	oldUneval, newUneval := restOf(old.UnevaluatedProperties), restOf(new.UnevaluatedProperties)
	for _, name := range names(old.Properties, new.Properties) {
		here := p.at("properties").at(name)
		a, b := old.Properties[name], new.Properties[name]
		switch {
		case a != nil && b != nil:
			here.compare(a, b)
		case a != nil:
			here.removed("PROPERTY", a, cover(newRest, newUneval, new.PatternProperties, name))
		default:
			here.propertyAdded(b, slices.Contains(new.Required, name), cover(oldRest, oldUneval, old.PatternProperties, name))
		}
	}
}

func (p place) propertyAdded(new *js.Schema, required bool, by covering) {
	kind := "OPTIONAL_PROPERTY"
	if required {
		kind = "REQUIRED_PROPERTY"
		if new.Default != nil {
			kind = "REQUIRED_PROPERTY_WITH_DEFAULT"
		}
	}
	if by.open {
		if p.shape(new).form != formEmpty {
			p.add(kind+"_ADDED_TO_OPEN_CONTENT_MODEL", "")
		}
		return
	}
	if by.schema != nil {
		p.covered("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", by.schema, new)
	}
	p.add(kind+"_ADDED_TO_UNOPEN_CONTENT_MODEL", "")
}

// dependencies compares what a property's presence asks for: other properties,
// or a schema. Drafts from 2019-09 on have a keyword for each.
func (p place) dependencies(old, new *js.Schema) {
	oldNames, oldSchemas := dependencies(old)
	newNames, newSchemas := dependencies(new)
	for _, name := range slices.Sorted(maps.Keys(newNames)) {
		was, known := oldNames[name]
		lost := known && !contains(newNames[name], was)
		gained := !known || !contains(was, newNames[name])
		switch {
		case !known:
			p.add("DEPENDENCY_ARRAY_ADDED", name)
		case gained && lost:
			p.add("DEPENDENCY_ARRAY_CHANGED", name)
		case gained:
			p.add("DEPENDENCY_ARRAY_EXTENDED", name)
		}
	}
	for _, name := range names(newSchemas, nil) {
		if was := oldSchemas[name]; was == nil {
			p.add("DEPENDENCY_SCHEMA_ADDED", name)
		} else {
			p.at(name).compare(was, newSchemas[name])
		}
	}
}

func dependencies(s *js.Schema) (map[string][]string, map[string]*js.Schema) {
	lists, schemas := map[string][]string{}, map[string]*js.Schema{}
	maps.Copy(lists, s.DependentRequired)
	maps.Copy(schemas, s.DependentSchemas)
	for name, d := range s.Dependencies {
		switch d := d.(type) {
		case []string:
			lists[name] = d
		case *js.Schema:
			schemas[name] = d
		}
	}
	return lists, schemas
}

func contains(all, some []string) bool {
	for _, s := range some {
		if !slices.Contains(all, s) {
			return false
		}
	}
	return true
}
