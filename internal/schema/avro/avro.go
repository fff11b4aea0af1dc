package avro

import (
	"sync"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/jsontext"
)

// Language reads Avro schemas. Its zero value is ready.
type Language struct{}

var _ schema.Language = Language{}

// Type says that it is Avro.
func (Language) Type() schema.Type { return schema.Avro }

// Parse reads a schema. A reference is to a named type; its name in the
// reference plays no part, the text that it leads to does. A schema that is
// new keeps to the specification with its names, and with the types of its
// defaults.
func (Language) Parse(src schema.Source) (schema.Schema, error) {
	size := len(src.Text)
	for _, r := range src.Resolved {
		size += len(r.Text)
	}
	if size > jsontext.MaxBytes {
		return nil, invalid("it has %d bytes with all that it refers to, and may have %d", size, jsontext.MaxBytes)
	}
	p := parser{strict: src.New, types: map[string]*node{}}
	s := &Schema{references: src.References}
	for _, r := range src.Resolved {
		n, err := p.parseText(r.Text)
		if err != nil {
			return nil, invalid("reference %q: %v", r.Name, err)
		}
		if n.kind.named() {
			s.known = append(s.known, n.name.full())
		}
	}
	var err error
	if s.root, err = p.parseText(src.Text); err != nil {
		return nil, err
	}
	setLeast(s.root)
	if s.text = s.print(s.known, false); len(s.text) > maxPrinted {
		return nil, invalid("printed with all of its namespaces it has more than %d bytes", maxPrinted)
	}
	return s, nil
}

// Schema is an Avro schema. It is safe for concurrent use.
type Schema struct {
	root       *node
	text       string
	references []schema.Reference
	// known are the types that the schema refers to: its text names them.
	known []string

	normalize  sync.Once
	normalized string
}

var _ schema.Schema = (*Schema)(nil)

// Type says that it is Avro.
func (s *Schema) Type() schema.Type { return schema.Avro }

// Text is the schema as Avro's library for Java prints it.
func (s *Schema) Text() string { return s.text }

// References are what the schema refers to.
func (s *Schema) References() []schema.Reference { return s.references }

// Normalized has the properties, aliases and members of defaults in order, and
// logical types before other properties.
func (s *Schema) Normalized() string {
	s.normalize.Do(func() { s.normalized = s.print(s.known, true) })
	return s.normalized
}

// Formatted knows "resolved": the types that are referred to are written out.
func (s *Schema) Formatted(format string) string {
	if format == "resolved" {
		return s.print(nil, false)
	}
	return s.text
}

// Validator checks payloads in Avro's binary encoding.
func (s *Schema) Validator() (schema.Validator, error) { return validator{s.root}, nil }

func (s *Schema) print(known []string, normal bool) string {
	p := printer{known: map[string]bool{}, normal: normal}
	for _, k := range known {
		p.known[k] = true
	}
	if s.root.kind.named() {
		// A schema that is a type of its references is still written out.
		delete(p.known, s.root.name.full())
	}
	p.node(s.root, "")
	return string(p.b)
}
