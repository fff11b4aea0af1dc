package jsonschema

import (
	js "github.com/santhosh-tekuri/jsonschema/v6"
)

// maxInPlace is how many schemas may be applied to one and the same value.
const maxInPlace = 10_000

// examine refuses what would be applied to one value without end, or too often:
// a $ref that leads back to where it stands, and schemas that are reached in
// more ways than anyone can count.
func examine(root *js.Schema) error {
	e := examination{cost: map[*js.Schema]int{}}
	all := reachable(root)
	for _, s := range all {
		if _, err := e.inPlace(s); err != nil {
			return err
		}
	}
	return nil
}

// reachable lists all schemas that a schema uses, itself first.
func reachable(root *js.Schema) []*js.Schema {
	seen := map[*js.Schema]bool{root: true}
	list := []*js.Schema{root}
	for i := 0; i < len(list); i++ {
		for _, of := range [][]*js.Schema{applied(list[i]), within(list[i])} {
			for _, s := range of {
				if s != nil && !seen[s] {
					seen[s] = true
					list = append(list, s)
				}
			}
		}
	}
	return list
}

// applied are the schemas that apply to the same value as s.
func applied(s *js.Schema) []*js.Schema {
	list := []*js.Schema{s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else}
	if s.DynamicRef != nil {
		list = append(list, s.DynamicRef.Ref)
	}
	list = append(append(append(list, s.AllOf...), s.AnyOf...), s.OneOf...)
	for _, d := range s.Dependencies {
		if sub, ok := d.(*js.Schema); ok {
			list = append(list, sub)
		}
	}
	for _, d := range s.DependentSchemas {
		list = append(list, d)
	}
	return list
}

// within are the schemas that apply to what is inside of the value.
func within(s *js.Schema) []*js.Schema {
	list := []*js.Schema{s.PropertyNames, s.Contains, s.UnevaluatedProperties, s.UnevaluatedItems, s.Items2020, s.ContentSchema}
	for _, p := range s.Properties {
		list = append(list, p)
	}
	for _, p := range s.PatternProperties {
		list = append(list, p)
	}
	for _, v := range []any{s.AdditionalProperties, s.Items, s.AdditionalItems} {
		switch v := v.(type) {
		case *js.Schema:
			list = append(list, v)
		case []*js.Schema:
			list = append(list, v...)
		}
	}
	return append(list, s.PrefixItems...)
}

// examination has what each schema costs, in schemas that are applied to one
// value; 0 while it is being found out.
type examination struct{ cost map[*js.Schema]int }

func (e *examination) inPlace(s *js.Schema) (int, error) {
	if cost, ok := e.cost[s]; ok {
		if cost == 0 {
			return 0, invalid("%s is applied to a value by way of itself: a $ref leads in a circle", short(s.Location))
		}
		return cost, nil
	}
	e.cost[s] = 0
	total := 1
	for _, sub := range applied(s) {
		if sub == nil {
			continue
		}
		cost, err := e.inPlace(sub)
		if err != nil {
			return 0, err
		}
		if total += cost; total > maxInPlace {
			return 0, invalid("%s applies more than %d schemas to one value", short(s.Location), maxInPlace)
		}
	}
	e.cost[s] = total
	return total, nil
}
