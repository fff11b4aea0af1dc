package avro

import (
	"fmt"

	"github.com/evidentlog/evident/internal/schema"
)

// form and phrases are those of Confluent's registry.
const form = "{errorType:'{type}', description:'{description}', additionalInfo:'{detail}'}"

var phrases = map[string]string{
	"FIXED_SIZE_MISMATCH":                "The size of FIXED type field at path '{path}' in the {reader} schema does not match with the {writer} schema",
	"TYPE_MISMATCH":                      "The type (path '{path}') of a field in the {reader} schema does not match with the {writer} schema",
	"NAME_MISMATCH":                      "The name of the schema has changed (path '{path}')",
	"MISSING_ENUM_SYMBOLS":               "The {reader} schema is missing enum symbols '{detail}' at path '{path}' in the {writer} schema",
	"MISSING_UNION_BRANCH":               "The {reader} schema is missing a type inside a union field at path '{path}' in the {writer} schema",
	"READER_FIELD_MISSING_DEFAULT_VALUE": "The field '{detail}' at path '{path}' in the {reader} schema has no default value and is missing in the {writer} schema",
	// Ours: Avro's library fails with an exception here.
	"READER_FIELD_AMBIGUOUS": "The field at path '{path}' in the {reader} schema may be read from several fields in the {writer} schema",
}

func finding(typ, path, detail string) schema.Incompatibility {
	return schema.Incompatibility{Type: typ, Path: path, Detail: detail, Phrase: phrases[typ], Form: form}
}

func mismatch(r, w *node, at *path) []schema.Incompatibility {
	return []schema.Incompatibility{finding("TYPE_MISMATCH", at.String(),
		fmt.Sprintf("reader type: %s not compatible with writer type: %s", r.kind.shout(), w.kind.shout()))}
}

func missingBranch(w *node, at *path) schema.Incompatibility {
	return finding("MISSING_UNION_BRANCH", at.String(), "reader union lacking writer type: "+w.kind.shout())
}

func ambiguous(f *field, w *node, at *path) schema.Incompatibility {
	return finding("READER_FIELD_AMBIGUOUS", at.String(),
		fmt.Sprintf("field %s matches several fields of writer record %s by its name and aliases", f.name, w.name.full()))
}
