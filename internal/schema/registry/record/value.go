package record

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/evidentlog/evident/internal/schema"
)

// A Value is what a record says of its key: *[SchemaValue], *[ConfigValue],
// *[ModeValue], *[ContextValue], *[SubjectValue] or *[MaxID].
type Value interface{ bytes() []byte }

// SchemaValue is a version of a subject.
type SchemaValue struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
	ID      int    `json:"id"`
	// MD5 is the guid in base64, where it cannot be computed of the rest: Confluent's
	// registry writes it of metadata that it has encrypted.
	MD5        string             `json:"md5,omitempty"`
	Type       schema.Type        `json:"schemaType,omitempty"`
	References []schema.Reference `json:"references,omitempty"`
	Metadata   *Metadata          `json:"metadata,omitempty"`
	RuleSet    *RuleSet           `json:"ruleSet,omitempty"`
	Text       string             `json:"schema"`
	// Deleted is set of versions that are gone for who does not ask for deleted ones.
	Deleted bool `json:"deleted"`
}

// ConfigValue is a configuration.
type ConfigValue struct {
	Subject string `json:"subject,omitempty"`
	Settings
}

// ModeValue is a mode: what may be done.
type ModeValue struct {
	Subject string `json:"subject,omitempty"`
	Mode    string `json:"mode"`
}

// ContextValue says that there is a context.
type ContextValue struct {
	Tenant  string `json:"tenant"`
	Context string `json:"context"`
}

// SubjectValue says of a DELETE_SUBJECT that versions up to this one are deleted, and
// of a CLEAR_SUBJECT, which has no version, that those that are deleted are gone.
type SubjectValue struct {
	Subject string `json:"subject"`
	Version int    `json:"version,omitempty"`
}

// MaxID is the highest id that was given in a context. A NOOP has it, which is nothing
// to Confluent's registry.
type MaxID struct {
	MaxID int `json:"maxId"`
}

func (v *SchemaValue) bytes() []byte  { return encode(v) }
func (v *ConfigValue) bytes() []byte  { return encode(v) }
func (v *ModeValue) bytes() []byte    { return encode(v) }
func (v *ContextValue) bytes() []byte { return encode(v) }
func (v *SubjectValue) bytes() []byte { return encode(v) }
func (v *MaxID) bytes() []byte        { return encode(v) }

// InContext is the value of the record that says that there is a context.
func InContext(context string) *ContextValue { return &ContextValue{tenant, context} }

// A Record is one of the topic.
type Record struct {
	Key   Key
	Value Value // nil: a tombstone
}

// Bytes are the record's value; nil of a tombstone.
func (r Record) Bytes() []byte {
	if r.Value == nil {
		return nil
	}
	return r.Value.bytes()
}

// Parse reads a record. Errors are [ErrForeign].
func Parse(key, value []byte) (Record, error) {
	k, err := ParseKey(key)
	if err != nil || value == nil {
		return Record{Key: k}, err
	}
	v, err := parseValue(k, value)
	if err != nil {
		return Record{}, fmt.Errorf("%w: the value of %v: %w", ErrForeign, k, err)
	}
	return Record{k, v}, nil
}

func parseValue(k Key, text []byte) (Value, error) {
	switch k.Type {
	case Schema:
		return parseSchema(k, text)
	case Config:
		return parseAs(text, new(ConfigValue))
	case Mode:
		return parseAs(text, new(ModeValue))
	case Context:
		return parseAs(text, new(ContextValue))
	case DeleteSubject, ClearSubject:
		return parseAs(text, new(SubjectValue))
	}
	if k.Context == "" {
		return nil, nil // a NOOP's value says nothing
	}
	return parseAs(text, new(MaxID))
}

func parseAs[V Value](text []byte, v V) (Value, error) { return v, json.Unmarshal(text, v) }

func parseSchema(k Key, text []byte) (Value, error) {
	v := new(SchemaValue)
	if err := json.Unmarshal(text, v); err != nil {
		return nil, err
	}
	if v.Type == "" {
		v.Type = schema.Avro
	}
	if v.Subject != k.Subject || v.Version != k.Version {
		return nil, fmt.Errorf("it is of subject %q, version %d", v.Subject, v.Version)
	}
	if v.ID < 0 {
		return nil, fmt.Errorf("its id is %d", v.ID)
	}
	if sum, err := base64.StdEncoding.DecodeString(v.MD5); err != nil || len(sum) != 0 && len(sum) != len(GUID{}) {
		return nil, fmt.Errorf("its md5 is %q", v.MD5)
	}
	return v, nil
}
