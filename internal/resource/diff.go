package resource

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// A Difference is one place where two resources differ.
type Difference struct {
	// Pointer is the place, a JSON pointer (RFC 6901) within the resource.
	Pointer string `json:"pointer"`
	// Before and After are what stands there; nil where nothing does.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

func (d Difference) String() string {
	switch {
	case d.Before == nil:
		return fmt.Sprintf("+ %s: %s", d.Pointer, d.After)
	case d.After == nil:
		return fmt.Sprintf("- %s: %s", d.Pointer, d.Before)
	}
	return fmt.Sprintf("~ %s: %s -> %s", d.Pointer, d.Before, d.After)
}

// Diff tells where two resources differ, in order of places. Either may be nil.
func Diff(before, after *Resource) ([]Difference, error) {
	a, err := tree(before)
	if err != nil {
		return nil, err
	}
	b, err := tree(after)
	if err != nil {
		return nil, err
	}
	return Compare("", a, b), nil
}

// tree is the part of a resource that can differ.
func tree(r *Resource) (any, error) {
	if r == nil {
		return map[string]any{}, nil
	}
	spec, err := decode(r.Spec)
	if err != nil {
		return nil, fmt.Errorf("spec of %v: %w", r.Key(), err)
	}
	metadata := map[string]any{}
	for name, all := range map[string]map[string]string{"labels": r.Metadata.Labels, "annotations": r.Metadata.Annotations} {
		for key, value := range all {
			texts, _ := metadata[name].(map[string]any)
			if texts == nil {
				texts = map[string]any{}
				metadata[name] = texts
			}
			texts[key] = value
		}
	}
	return map[string]any{"metadata": metadata, "spec": spec}, nil
}

// Compare tells where two values of JSON differ (maps, lists, texts, numbers), in
// order of places, which begin with a pointer.
func Compare(pointer string, before, after any) []Difference {
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok {
			return compareFields(pointer, b, a)
		}
	case []any:
		if a, ok := after.([]any); ok {
			return compareItems(pointer, b, a)
		}
	}
	x, y := form(before), form(after)
	if string(x) == string(y) {
		return nil
	}
	return []Difference{{pointer, x, y}}
}

func compareFields(pointer string, before, after map[string]any) []Difference {
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	var all []Difference
	for _, name := range slices.Sorted(maps.Keys(names)) {
		b, inBefore := before[name]
		a, inAfter := after[name]
		at := pointer + "/" + escape(name)
		switch {
		case !inBefore:
			all = append(all, Difference{Pointer: at, After: form(a)})
		case !inAfter:
			all = append(all, Difference{Pointer: at, Before: form(b)})
		default:
			all = append(all, Compare(at, b, a)...)
		}
	}
	return all
}

func compareItems(pointer string, before, after []any) []Difference {
	var all []Difference
	for i := range max(len(before), len(after)) {
		at := pointer + "/" + strconv.Itoa(i)
		switch {
		case i >= len(before):
			all = append(all, Difference{Pointer: at, After: form(after[i])})
		case i >= len(after):
			all = append(all, Difference{Pointer: at, Before: form(before[i])})
		default:
			all = append(all, Compare(at, before[i], after[i])...)
		}
	}
	return all
}

// form is a value as JSON.
func form(v any) json.RawMessage {
	text, err := encode(v)
	if err != nil { // nothing that was read from JSON
		return json.RawMessage(strconv.Quote(fmt.Sprint(v)))
	}
	return text
}
