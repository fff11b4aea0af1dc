package resource

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
)

// APIVersion is the one version of declarations that there is.
const APIVersion = "evident/v1"

// A Resource is a declared thing.
type Resource struct {
	// APIVersion is [APIVersion].
	APIVersion string `json:"apiVersion"`
	// Kind is the name of a [Kind].
	Kind string `json:"kind"`
	// Metadata has what all kinds have.
	Metadata Metadata `json:"metadata"`
	// Spec is what is wanted: a JSON object, as its kind's schema has it.
	Spec json.RawMessage `json:"spec"`
}

// Metadata has what the resources of all kinds have.
type Metadata struct {
	// Name is unique within the kind.
	Name string `json:"name"`
	// Labels are what resources are chosen by.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are notes for people and tools.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// A Key names a resource. Its text is KIND/NAME.
type Key struct {
	Kind, Name string
}

// Key is what the resource is found by.
func (r *Resource) Key() Key { return Key{r.Kind, r.Metadata.Name} }

func (k Key) String() string { return k.Kind + "/" + k.Name }

// ParseKey reads KIND/NAME.
func ParseKey(text string) (Key, error) {
	kind, name, ok := strings.Cut(text, "/")
	if !ok || kind == "" || name == "" {
		return Key{}, fmt.Errorf("%q is not KIND/NAME, such as Topic/orders", text)
	}
	return Key{kind, name}, nil
}

// MarshalText is String.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is [ParseKey].
func (k *Key) UnmarshalText(text []byte) (err error) {
	*k, err = ParseKey(string(text))
	return err
}

// Compare orders keys by kind, then name.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Kind, other.Kind), cmp.Compare(k.Name, other.Name))
}

// canonical is the resource as JSON whose bytes are equal for equal resources:
// fields in the order of the type, those of labels, annotations and spec sorted,
// numbers as they were written, no white space.
func (r *Resource) canonical() ([]byte, error) {
	spec, err := sorted(r.Spec)
	if err != nil {
		return nil, fmt.Errorf("spec of %v: %w", r.Key(), err)
	}
	c := *r
	c.Spec = spec
	return encode(c)
}

// sorted is the same JSON with the fields of all objects sorted.
func sorted(text json.RawMessage) (json.RawMessage, error) {
	v, err := decode(text)
	if err != nil {
		return nil, err
	}
	return encode(v)
}

// decode reads JSON into maps, lists, texts and numbers that keep their digits.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("something stands behind the value: %.40q", text[d.InputOffset():])
	}
	return v, nil
}

// encode writes JSON in one line, without escapes that only web pages need.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
