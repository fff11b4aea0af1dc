package resource

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// A report tells in words what a schema found wrong with a spec.
type report struct {
	spec, schema any
}

// of makes a fault of each leaf of an error.
func (r *report) of(e *jsonschema.ValidationError) []Fault {
	if len(e.Causes) > 0 {
		var faults []Fault
		for _, cause := range e.Causes {
			faults = append(faults, r.of(cause)...)
		}
		return faults
	}
	pointer, name := "/spec", "spec"
	for _, part := range e.InstanceLocation {
		pointer += "/" + escape(part)
		name = part
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		return r.unknown(pointer, k.Properties, e.SchemaURL)
	case *kind.Required:
		var faults []Fault
		for _, field := range k.Missing {
			faults = append(faults, Fault{pointer, fmt.Sprintf("the field %q is missing in %s", field, name)})
		}
		return faults
	}
	return []Fault{{pointer, fmt.Sprintf("%s is %s, and %s", name, say(at(r.spec, e.InstanceLocation)), must(e.ErrorKind))}}
}

// must ends a sentence: what a value must be.
func must(found jsonschema.ErrorKind) string {
	switch k := found.(type) {
	case *kind.Type:
		return "must be " + types(k.Want)
	case *kind.Enum:
		var all []string
		for _, want := range k.Want {
			all = append(all, say(want))
		}
		return "must be one of " + strings.Join(all, ", ")
	case *kind.Const:
		return "must be " + say(k.Want)
	case *kind.Minimum:
		return "must be at least " + k.Want.RatString()
	case *kind.Maximum:
		return "must be at most " + k.Want.RatString()
	case *kind.Pattern:
		return "does not match " + k.Want
	}
	return "is refused: " + found.LocalizedString(message.NewPrinter(language.English))
}

// types names JSON's types as they are spoken of.
func types(names []string) string {
	spoken := map[string]string{
		"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
		"object": "an object", "array": "a list", "null": "nothing",
	}
	var all []string
	for _, name := range names {
		all = append(all, spoken[name])
	}
	return strings.Join(all, " or ")
}

// unknown is a fault for each field that a schema does not know.
func (r *report) unknown(pointer string, names []string, schemaURL string) []Fault {
	_, place, _ := strings.Cut(schemaURL, "#")
	properties, _ := at(r.schema, append(pointerParts(place), "properties")).(map[string]any)
	known := slices.Sorted(maps.Keys(properties))
	var faults []Fault
	for _, name := range names {
		faults = append(faults, Fault{pointer + "/" + escape(name), fmt.Sprintf("unknown field %q%s", name, hint(name, known))})
	}
	return faults
}

// at is what stands at a place in JSON, nil if nothing does.
func at(v any, place []string) any {
	for _, part := range place {
		switch in := v.(type) {
		case map[string]any:
			v = in[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// pointerParts splits a JSON pointer.
func pointerParts(pointer string) []string {
	if pointer == "" {
		return nil
	}
	var parts []string
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		parts = append(parts, strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~"))
	}
	return parts
}

// say is a value as it stands in a sentence.
func say(v any) string {
	text, err := encode(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return brief(text)
}
