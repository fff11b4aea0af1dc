package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// A KeyType says what a record is about, spelled as Confluent's registry does.
type KeyType string

// The types. Associations are an enterprise part of Confluent's, and not read.
const (
	Schema        KeyType = "SCHEMA"
	Config        KeyType = "CONFIG"
	Mode          KeyType = "MODE"
	Context       KeyType = "CONTEXT"
	DeleteSubject KeyType = "DELETE_SUBJECT"
	ClearSubject  KeyType = "CLEAR_SUBJECT"
	Noop          KeyType = "NOOP"
)

// tenant is the one of contexts: there are others in Confluent's cloud only.
const tenant = "default"

// schemaMagic is the newest version of keys of schemas, and that which is written;
// 0 means the same. Other keys have only 0.
const schemaMagic = 1

// ErrForeign is in errors about records that are none of this format, or of a newer
// version of it.
var ErrForeign = errors.New("no record of a schema registry")

// A Key is a record's. It is comparable, and has the same bytes wherever it is written,
// since compaction goes by them.
type Key struct {
	Type KeyType
	// Subject is its qualified name; of a CONFIG or MODE, empty is the default context.
	Subject string
	// Version is a SCHEMA's.
	Version int
	// Context is a CONTEXT's, with its point; of a NOOP it says that the record has the
	// highest id of that context (see [MaxID]), which is ours alone.
	Context string
}

// wireKey has the fields of all keys in the order in which they are written.
type wireKey struct {
	KeyType KeyType `json:"keytype"`
	Tenant  string  `json:"tenant,omitempty"`
	Context string  `json:"context,omitempty"`
	Subject string  `json:"subject,omitempty"`
	Version int     `json:"version,omitempty"`
	Magic   int     `json:"magic"`
	MaxIDOf string  `json:"maxIdOf,omitempty"`
}

// Bytes are the key's.
func (k Key) Bytes() []byte {
	w := wireKey{KeyType: k.Type, Subject: k.Subject, Version: k.Version}
	switch k.Type {
	case Schema:
		w.Magic = schemaMagic
	case Context:
		w.Tenant, w.Context = tenant, k.Context
	case Noop:
		w.MaxIDOf = k.Context
	}
	return encode(w)
}

// String is the key as it is written.
func (k Key) String() string { return string(k.Bytes()) }

// ParseKey reads a key. Fields that it does not know do not matter; a type or version
// that it does not know is [ErrForeign].
func ParseKey(text []byte) (Key, error) {
	var w wireKey
	if err := json.Unmarshal(text, &w); err != nil {
		return Key{}, fmt.Errorf("%w: the key: %w", ErrForeign, err)
	}
	k := Key{Type: w.KeyType, Subject: w.Subject}
	magic := 0
	switch w.KeyType {
	case Schema:
		magic, k.Version = schemaMagic, w.Version
		if w.Version < 1 {
			return Key{}, fmt.Errorf("%w: a schema's key has version %d", ErrForeign, w.Version)
		}
	case Context:
		if w.Tenant != tenant || w.Context == "" {
			return Key{}, fmt.Errorf("%w: context %q of tenant %q, and want one of tenant %q", ErrForeign, w.Context, w.Tenant, tenant)
		}
		k.Subject, k.Context = "", w.Context
	case Noop:
		k.Subject, k.Context = "", w.MaxIDOf
	case Config, Mode, DeleteSubject, ClearSubject:
	default:
		return Key{}, fmt.Errorf("%w: keytype %q", ErrForeign, w.KeyType)
	}
	if w.Magic < 0 || w.Magic > magic {
		return Key{}, fmt.Errorf("%w: a key of type %s of version %d, and known is up to %d", ErrForeign, w.KeyType, w.Magic, magic)
	}
	return k, nil
}

// encode writes JSON as Confluent's registry does: without escapes for HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return nil // what is encoded here are texts and numbers: it does not fail
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
