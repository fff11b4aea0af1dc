package jsonschema

import (
	"fmt"
	"sync"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/jsontext"
	js "github.com/santhosh-tekuri/jsonschema/v6"
)

// Language reads JSON Schemas. Its zero value is ready.
type Language struct{}

var _ schema.Language = Language{}

// Type says that it is JSON Schema.
func (Language) Type() schema.Type { return schema.JSON }

// Parse reads a schema. One without $schema is of draft 7. A reference's name
// is the URI that $ref has, absolute or relative to the schema; nothing is
// fetched. New plays no part.
func (Language) Parse(src schema.Source) (schema.Schema, error) {
	size := len(src.Text)
	for _, r := range src.Resolved {
		size += len(r.Text)
	}
	if size > jsontext.MaxBytes {
		return nil, invalid("it has %d bytes with all that it refers to, and may have %d", size, jsontext.MaxBytes)
	}
	v, err := jsontext.Parse(src.Text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", schema.ErrInvalid, err)
	}
	c := compiler{regexps: &regexps{}}
	root, err := c.compile(&v, src.Resolved)
	if err != nil {
		return nil, err
	}
	if err := examine(root); err != nil {
		return nil, err
	}
	return &Schema{
		root: root, references: src.References, unsupported: c.regexps.unsupported,
		text:       string(jsontext.Style{}.Append(nil, &v)),
		normalized: string(jsontext.Style{Sorted: true}.Append(nil, &v)),
	}, nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", schema.ErrInvalid, fmt.Sprintf(format, args...))
}

// Schema is a JSON Schema. It is safe for concurrent use.
type Schema struct {
	root             *js.Schema
	text, normalized string
	references       []schema.Reference
	// unsupported is why the first of its patterns cannot be matched.
	unsupported error

	once         sync.Once
	validator    schema.Validator
	validatorErr error
}

var _ schema.Schema = (*Schema)(nil)

// Type says that it is JSON Schema.
func (s *Schema) Type() schema.Type { return schema.JSON }

// Text is the schema without white space, its members in the author's order.
func (s *Schema) Text() string { return s.text }

// Normalized is the schema with members in the order of their names.
func (s *Schema) Normalized() string { return s.normalized }

// Formatted gives the text: there are no other formats.
func (s *Schema) Formatted(string) string { return s.text }

// References are what the schema refers to.
func (s *Schema) References() []schema.Reference { return s.references }

// Validator checks JSON texts. A schema with a pattern that is no regular
// expression of RE2, which is matched in linear time, has none.
func (s *Schema) Validator() (schema.Validator, error) {
	s.once.Do(func() {
		if s.unsupported != nil {
			s.validatorErr = fmt.Errorf("%w: it cannot be checked against: %w", schema.ErrInvalid, s.unsupported)
			return
		}
		s.validator = newValidator(s.root)
	})
	return s.validator, s.validatorErr
}
