package resource

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// check reads the spec of a declaration of the kind, and asks schema and kind.
func (c *compiled) check(r *Resource, spec json.RawMessage) []Fault {
	var faults []Fault
	if c.CheckName != nil && checkName(r.Metadata.Name) == nil {
		if err := c.CheckName(r.Metadata.Name); err != nil {
			faults = append(faults, Fault{"/metadata/name", err.Error()})
		}
	}
	if spec == nil {
		return append(faults, Fault{"", `the field "spec" is missing`})
	}
	value, err := decode(spec)
	if err != nil {
		return append(faults, Fault{"/spec", err.Error()})
	}
	if _, ok := value.(map[string]any); !ok {
		return append(faults, Fault{"/spec", fmt.Sprintf("spec is %s, and must be an object", brief(spec))})
	}
	r.Spec = spec
	if wrong := (*jsonschema.ValidationError)(nil); errors.As(c.schema.Validate(value), &wrong) {
		return append(faults, (&report{spec: value, schema: c.parsed}).of(wrong)...)
	}
	if c.Check != nil {
		for _, f := range c.Check(spec) {
			faults = append(faults, Fault{"/spec" + f.Pointer, f.Text})
		}
	}
	return faults
}
