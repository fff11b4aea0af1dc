package resource

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/nearest"
)

const (
	// mostName is how long a name may be: as long as Kafka's names of topics.
	mostName = 249
	// mostText is how long a label or an annotation may be, in bytes.
	mostText = 4 << 10
	// mostSpec is how long a declaration may be, in bytes: a record takes it whole.
	mostSpec = 512 << 10
)

var (
	nameForm  = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$`)
	labelForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$`)
)

// Parse reads a declaration and checks all that can be said of it alone. What is
// wrong comes back as faults, all at once, in the order of their places.
func (k *Kinds) Parse(text json.RawMessage) (*Resource, []Fault) {
	if len(text) > mostSpec {
		return nil, []Fault{{"", fmt.Sprintf("the declaration has %d bytes, and at most %d are taken", len(text), mostSpec)}}
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil || fields == nil {
		return nil, []Fault{{"", "a declaration is an object with apiVersion, kind, metadata and spec"}}
	}
	r := new(Resource)
	faults := unknown("", fields, []string{"apiVersion", "kind", "metadata", "spec"})
	faults = append(faults, k.envelope(r, fields)...)
	faults = append(faults, metadata(r, fields["metadata"])...)
	if kind := k.byName[r.Kind]; kind != nil {
		faults = append(faults, kind.check(r, fields["spec"])...)
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Pointer, b.Pointer) })
		return nil, faults
	}
	return r, nil
}

// envelope reads apiVersion and kind.
func (k *Kinds) envelope(r *Resource, fields map[string]json.RawMessage) []Fault {
	var faults []Fault
	if f := text(fields, "", "apiVersion", &r.APIVersion); f != nil {
		faults = append(faults, *f)
	} else if r.APIVersion != APIVersion {
		faults = append(faults, Fault{"/apiVersion", fmt.Sprintf("apiVersion is %q, and this node knows %q", r.APIVersion, APIVersion)})
	}
	if f := text(fields, "", "kind", &r.Kind); f != nil {
		faults = append(faults, *f)
	} else if k.byName[r.Kind] == nil {
		faults = append(faults, Fault{"/kind", fmt.Sprintf("unknown kind %q%s", r.Kind, hint(r.Kind, k.Names()))})
	}
	return faults
}

// text reads a field that must be a text and must be there.
func text(fields map[string]json.RawMessage, pointer, name string, to *string) *Fault {
	value, ok := fields[name]
	if !ok {
		return &Fault{pointer, fmt.Sprintf("the field %q is missing", name)}
	}
	if err := json.Unmarshal(value, to); err != nil || string(value) == "null" {
		return &Fault{pointer + "/" + name, fmt.Sprintf("%s is %s, and must be a text", name, brief(value))}
	}
	return nil
}

func metadata(r *Resource, value json.RawMessage) []Fault {
	var fields map[string]json.RawMessage
	if value == nil {
		return []Fault{{"", `the field "metadata" is missing`}}
	}
	if err := json.Unmarshal(value, &fields); err != nil || fields == nil {
		return []Fault{{"/metadata", fmt.Sprintf("metadata is %s, and must be an object with a name", brief(value))}}
	}
	faults := unknown("/metadata", fields, []string{"name", "labels", "annotations"})
	if f := text(fields, "/metadata", "name", &r.Metadata.Name); f != nil {
		faults = append(faults, *f)
	} else if err := checkName(r.Metadata.Name); err != nil {
		faults = append(faults, Fault{"/metadata/name", err.Error()})
	}
	faults = append(faults, texts(fields, "labels", &r.Metadata.Labels)...)
	return append(faults, texts(fields, "annotations", &r.Metadata.Annotations)...)
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case len(name) > mostName:
		return fmt.Errorf("the name has %d characters, and at most %d are taken", len(name), mostName)
	case !nameForm.MatchString(name):
		return fmt.Errorf("the name %q may have letters, digits, '.', '_' and '-' only, and '.' and '-' not at its ends", name)
	}
	return nil
}

// texts reads labels or annotations.
func texts(fields map[string]json.RawMessage, name string, to *map[string]string) []Fault {
	value, ok := fields[name]
	if !ok || string(value) == "null" {
		return nil
	}
	pointer := "/metadata/" + name
	var items map[string]json.RawMessage
	if err := json.Unmarshal(value, &items); err != nil {
		return []Fault{{pointer, fmt.Sprintf("%s is %s, and must be an object of texts", name, brief(value))}}
	}
	var faults []Fault
	all := make(map[string]string, len(items))
	for key, item := range items {
		var s string
		switch err := json.Unmarshal(item, &s); {
		case err != nil || string(item) == "null":
			faults = append(faults, Fault{pointer + "/" + escape(key), fmt.Sprintf("%q is %s, and must be a text: put it in quotes", key, brief(item))})
		case len(key) > mostName || !labelForm.MatchString(key):
			faults = append(faults, Fault{pointer + "/" + escape(key), fmt.Sprintf("%.80q may have letters, digits, '.', '_', '-' and '/' only, and at most %d of them", key, mostName)})
		case len(s) > mostText:
			faults = append(faults, Fault{pointer + "/" + escape(key), fmt.Sprintf("%q has %d bytes, and at most %d are taken", key, len(s), mostText)})
		}
		all[key] = s
	}
	if len(all) > 0 {
		*to = all
	}
	return faults
}

// hint ends a sentence about a name that is none of those known.
func hint(name string, known []string) string {
	const most = 20
	others := strings.Join(known[:min(len(known), most)], ", ")
	if len(known) > most {
		others += fmt.Sprintf(" and %d more", len(known)-most)
	}
	return nearest.Hint(name, known, ": there are "+others)
}

// brief is a value as it can stand in a sentence.
func brief(value json.RawMessage) string {
	const most = 60
	if len(value) > most {
		return fmt.Sprintf("%s…", strings.ToValidUTF8(string(value[:most]), ""))
	}
	return string(value)
}

// escape makes a name one part of a JSON pointer.
func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
