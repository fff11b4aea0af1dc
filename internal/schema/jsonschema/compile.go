package jsonschema

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/jsontext"
	js "github.com/santhosh-tekuri/jsonschema/v6"
)

// Limits of a schema with all that it refers to.
const (
	maxParts    = 20_000 // objects and booleans, most of which are schemas
	maxExponent = 400    // of a number: beyond a double
)

// input is the URI of a schema that has none.
const input = "mem:///input"

// compiler makes what the library wants of texts.
type compiler struct {
	regexps *regexps
	parts   int
}

// refuse is a loader that loads nothing.
type refuse struct{}

func (refuse) Load(u string) (any, error) {
	return nil, fmt.Errorf("%s is not among the references of the schema", u)
}

func (c *compiler) compile(v *jsontext.Value, refs []schema.Named) (*js.Schema, error) {
	if v.Kind != jsontext.Object && v.Kind != jsontext.Bool {
		return nil, invalid("a JSON Schema is an object or a boolean, not %s", v.Kind)
	}
	lib := js.NewCompiler()
	lib.DefaultDraft(js.Draft7)
	lib.UseLoader(refuse{})
	lib.UseRegexpEngine(c.regexps.compile)
	base := baseOf(v)
	doc, err := c.document(v)
	if err != nil {
		return nil, err
	}
	if err := lib.AddResource(base.String(), doc); err != nil {
		return nil, invalid("%v", err)
	}
	for _, r := range refs {
		if err := c.reference(lib, base, r); err != nil {
			return nil, err
		}
	}
	root, err := lib.Compile(base.String())
	if err != nil {
		return nil, invalid("%s", short(err.Error()))
	}
	return root, nil
}

// baseOf is the URI that relative ones in the schema start from.
func baseOf(v *jsontext.Value) *url.URL {
	for _, keyword := range []string{"$id", "id"} {
		if id := v.Get(keyword); id.IsString() {
			if u, err := url.Parse(strings.TrimSuffix(id.Text, "#")); err == nil && u.IsAbs() && u.Fragment == "" {
				return u
			}
		}
	}
	u, _ := url.Parse(input)
	return u
}

// reference makes a text known under its name, from the schema's base and from
// that of a schema without one.
func (c *compiler) reference(lib *js.Compiler, base *url.URL, r schema.Named) error {
	v, err := jsontext.Parse(r.Text)
	if err != nil {
		return invalid("reference %q: %v", r.Name, err)
	}
	doc, err := c.document(&v)
	if err != nil {
		return err
	}
	name, err := url.Parse(strings.TrimSuffix(r.Name, "#"))
	if err != nil {
		return invalid("reference %q: its name is no URI", short(r.Name))
	}
	known := map[string]bool{base.String(): true}
	plain, _ := url.Parse(input)
	for _, from := range []*url.URL{base, plain} {
		u := from.ResolveReference(name)
		u.Fragment = ""
		if known[u.String()] {
			continue
		}
		known[u.String()] = true
		// Names that are those of meta-schemas are known already.
		if err := lib.AddResource(u.String(), doc); err != nil && !strings.Contains(err.Error(), "exists") {
			return invalid("reference %q: %v", short(r.Name), err)
		}
	}
	return nil
}

// document makes what the library takes. A $schema that is no draft's is left
// out: the schema is then of draft 7, as in Confluent's registry.
func (c *compiler) document(v *jsontext.Value) (any, error) {
	doc, err := c.value(v)
	if object, ok := doc.(map[string]any); ok {
		if s, given := object["$schema"]; given && !isDraft(s) {
			delete(object, "$schema")
		}
	}
	return doc, err
}

func isDraft(s any) bool {
	text, _ := s.(string)
	text = strings.TrimSuffix(text, "#")
	for _, draft := range []string{"draft-04/schema", "draft-06/schema", "draft-07/schema", "draft/2019-09/schema", "draft/2020-12/schema"} {
		if text == "http://json-schema.org/"+draft || text == "https://json-schema.org/"+draft {
			return true
		}
	}
	return false
}

func (c *compiler) value(v *jsontext.Value) (any, error) {
	switch v.Kind {
	case jsontext.Null:
		return nil, nil
	case jsontext.Bool:
		return v.Text == "true", c.count()
	case jsontext.String:
		return v.Text, nil
	case jsontext.Int, jsontext.Float:
		if !sane(v.Text) {
			return nil, invalid("the number %s is beyond what a double can be", short(v.Text))
		}
		return json.Number(v.Text), nil
	case jsontext.Array:
		items := make([]any, len(v.Items))
		for i := range v.Items {
			var err error
			if items[i], err = c.value(&v.Items[i]); err != nil {
				return nil, err
			}
		}
		return items, nil
	}
	members := make(map[string]any, len(v.Members))
	for i := range v.Members {
		m, err := c.value(&v.Members[i].Value)
		if err != nil {
			return nil, err
		}
		members[v.Members[i].Name] = m
	}
	return members, c.count()
}

func (c *compiler) count() error {
	if c.parts++; c.parts > maxParts {
		return invalid("more than %d schemas, with all that is referred to", maxParts)
	}
	return nil
}

// sane says whether exact arithmetic with a number takes little.
func sane(number string) bool {
	i := strings.IndexAny(number, "eE")
	if i < 0 {
		return len(number) <= 1000
	}
	e, err := strconv.Atoi(number[i+1:])
	return err == nil && e <= maxExponent && e >= -maxExponent && i <= 1000
}

func short(s string) string {
	const most = 500
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
