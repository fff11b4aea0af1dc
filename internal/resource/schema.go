package resource

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Schema is the JSON Schema (draft 2020-12) of whole declarations of all kinds,
// for editors: each of them in $defs, and at the top whichever its kind says.
func (k *Kinds) Schema() ([]byte, error) {
	defs := map[string]any{}
	var oneOf []any
	for _, name := range k.Names() {
		defs[name] = k.byName[name].document()
		oneOf = append(oneOf, map[string]any{"$ref": "#/$defs/" + name})
	}
	return json.MarshalIndent(map[string]any{
		"$schema":  "https://json-schema.org/draft/2020-12/schema",
		"$id":      "urn:evident:schema:v1",
		"title":    "Evident: declared resources",
		"type":     "object",
		"required": []string{"apiVersion", "kind", "metadata", "spec"},
		"properties": map[string]any{
			"apiVersion": map[string]any{"const": APIVersion},
			"kind":       map[string]any{"enum": k.Names()},
		},
		"oneOf": oneOf,
		"$defs": defs,
	}, "", "  ")
}

// document is the schema of a declaration of the kind.
func (c *compiled) document() map[string]any {
	texts := map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}}
	return map[string]any{
		"type": "object", "description": c.Description, "additionalProperties": false,
		"required": []string{"apiVersion", "kind", "metadata", "spec"},
		"properties": map[string]any{
			"apiVersion": map[string]any{"const": APIVersion},
			"kind":       map[string]any{"const": c.Name},
			"metadata": map[string]any{
				"type": "object", "additionalProperties": false, "required": []string{"name"},
				"properties": map[string]any{
					"name":        map[string]any{"type": "string", "minLength": 1, "maxLength": mostName},
					"labels":      texts,
					"annotations": texts,
				},
			},
			"spec": json.RawMessage(c.Kind.Schema),
		},
	}
}

// unknown is a fault for each field that is none of those known.
func unknown(pointer string, fields map[string]json.RawMessage, known []string) []Fault {
	var faults []Fault
	for name := range fields {
		if !slices.Contains(known, name) {
			faults = append(faults, Fault{pointer + "/" + escape(name), fmt.Sprintf("unknown field %q%s", name, hint(name, known))})
		}
	}
	return faults
}
