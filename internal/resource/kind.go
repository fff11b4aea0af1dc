package resource

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A Kind is one kind of things that can be declared. The room whose things they
// are hands it in.
type Kind struct {
	// Name is what declarations call it, in the singular, such as Topic.
	Name string
	// Description says in a sentence what such a thing is.
	Description string
	// Schema is the JSON Schema (draft 2020-12) of the spec.
	Schema []byte
	// CheckName checks a name beyond what all names must keep to. Nil: nothing more.
	CheckName func(name string) error
	// Check finds what is wrong with a spec that its schema lets pass. Nil: nothing.
	Check func(spec json.RawMessage) []Fault
	// References are the resources that a spec names, which must be there and which
	// are made first. Nil: it names none.
	References func(spec json.RawMessage) []Reference
	// Reconciler makes what is outside like what is declared. Nil: nothing is
	// outside, the declaration is the thing.
	Reconciler Reconciler
}

// A Fault is what is wrong at one place of a declaration.
type Fault struct {
	// Pointer is the place, a JSON pointer (RFC 6901) within the spec, or, in what
	// this package returns, within the resource.
	Pointer string `json:"pointer"`
	// Text says what is wrong, with the value, and what would be right.
	Text string `json:"text"`
}

// A Reference is a place in a spec that names another resource.
type Reference struct {
	// Pointer is the place, a JSON pointer within the spec.
	Pointer string
	// To is what it names.
	To Key
}

// A Reconciler makes what is outside, such as topics, like what is declared. It is
// given many changes at once, all of its kind. Its calls may come again for what is
// done already.
type Reconciler interface {
	// Examine says before changes are written which cannot be made, and why.
	Examine(ctx context.Context, changes []Change, allowed Allowed) map[Key]error
	// Make makes what is outside like it, and returns what failed. A change whose
	// Before is nil may be of something that is there already.
	Make(ctx context.Context, changes []Change, allowed Allowed) map[Key]error
	// Drift says how what is outside differs from what is declared: Before is what
	// is declared, After what is there. A thing that is not there at all differs at
	// the pointer "", and After is nil.
	Drift(ctx context.Context, declared []*Resource) (map[Key][]Difference, error)
}

// Allowed is what a request permits beyond what is harmless.
type Allowed struct {
	// DeleteData lets things go that hold data.
	DeleteData bool
}

// Kinds are the kinds that there are.
type Kinds struct {
	byName map[string]*compiled
}

// compiled is a kind with its schema made ready.
type compiled struct {
	Kind
	schema *jsonschema.Schema
	parsed any // the same, as it was read
}

// NewKinds makes kinds usable. The error is a mistake in one of them.
func NewKinds(kinds ...Kind) (*Kinds, error) {
	all := &Kinds{byName: map[string]*compiled{}}
	for _, k := range kinds {
		if all.byName[k.Name] != nil {
			return nil, fmt.Errorf("there are two kinds %s", k.Name)
		}
		c, err := compile(k)
		if err != nil {
			return nil, fmt.Errorf("kind %s: %w", k.Name, err)
		}
		all.byName[k.Name] = c
	}
	return all, nil
}

func compile(k Kind) (*compiled, error) {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(k.Schema))
	if err != nil {
		return nil, err
	}
	url := SchemaID(k.Name)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	if err := c.AddResource(url, parsed); err != nil {
		return nil, err
	}
	schema, err := c.Compile(url)
	if err != nil {
		return nil, err
	}
	return &compiled{k, schema, parsed}, nil
}

// noLoader reads no schemas from elsewhere.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, errors.New("a kind's schema refers to no other: " + url)
}

// SchemaID is the identifier of a kind's schema.
func SchemaID(kind string) string { return "urn:evident:schema:v1:" + kind }

// Names are the kinds' names, sorted.
func (k *Kinds) Names() []string { return slices.Sorted(maps.Keys(k.byName)) }

// Kind returns a kind by its name.
func (k *Kinds) Kind(name string) (Kind, bool) {
	c, ok := k.byName[name]
	if !ok {
		return Kind{}, false
	}
	return c.Kind, true
}
