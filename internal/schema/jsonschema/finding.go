package jsonschema

import (
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/schema"
)

const (
	typeChanged = "TYPE_CHANGED"
	tooLarge    = "COMPARISON_TOO_LARGE" // ours
)

// tolerable are differences that matter to readers in principle, and are
// allowed: always, or by the policy Lenient.
var (
	tolerable = []string{
		"SCHEMA_REMOVED",
		"REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL", "OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
	}
	tolerableIfLenient = []string{
		"ADDITIONAL_PROPERTIES_NARROWED", "ADDITIONAL_PROPERTIES_REMOVED", "UNEVALUATED_PROPERTIES_NARROWED", "UNEVALUATED_PROPERTIES_REMOVED",
		"REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL", "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
		"PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL",
		"PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
	}
)

func tolerated(typ string, policy schema.Policy) bool {
	return slices.Contains(tolerable, typ) || policy == schema.Lenient && slices.Contains(tolerableIfLenient, typ)
}

// messageForm and phrases are those of Confluent's registry, which ends a description
// with another quotation mark than it begins it with.
const messageForm = `{errorType:"{type}", description:"{description}'}`

// phrases by what the names of findings end with; the first that fits counts.
var phrases = []struct{ suffix, phrase string }{
	{"ADDED_TO_OPEN_CONTENT_MODEL", "The {reader} schema has an open content model and has a property or item at path '{path}' which is missing in the {writer} schema"},
	{"REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", "The {reader} schema has an unopen content model and has a required property at path '{path}' which is missing in the {writer} schema"},
	{"REMOVED_FROM_CLOSED_CONTENT_MODEL", "The {reader} has a closed content model and is missing a property or item present at path '{path}' in the {writer} schema"},
	{"REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "A property or item is missing in the {reader} schema but present at path '{path}' in the {writer} schema and is not covered by its partially open content model"},
	{"ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "The {reader} schema has a property or item at path '{path}' which is missing in the {writer} schema and is not covered by its partially open content model"},
	{tooLarge, "The {reader} schema and the {writer} schema are too large to be compared"},
	{"SCHEMA_ADDED", ""},
	{"_TYPE_EXTENDED", "An array or combined type at path '{path}' has more elements in the {reader} schema than the {writer} schema"},
	{"DEPENDENCY_ARRAY_EXTENDED", "An array or combined type at path '{path}' has more elements in the {reader} schema than the {writer} schema"},
	{"SUM_TYPE_NARROWED", "An array or combined type at path '{path}' has fewer elements in the {reader} schema than the {writer} schema"},
	{"TYPE_NARROWED", "A type at path '{path}' is different between the {reader} schema and the {writer} schema"},
	{"_NARROWED", "An array or combined type at path '{path}' has fewer elements in the {reader} schema than the {writer} schema"},
	{"_INCREASED", "The value at path '{path}' in the {reader} schema is more than its value in the {writer} schema"},
	{"MULTIPLE_OF_EXPANDED", "The value at path '{path}' in the {reader} schema is more than its value in the {writer} schema"},
	{"_DECREASED", "The value at path '{path}' in the {reader} schema is less than its value in the {writer} schema"},
	{"PATTERN_CHANGED", "The value at path '{path}' is different between the {reader} and {writer} schema"},
	{"MULTIPLE_OF_CHANGED", "The value at path '{path}' is different between the {reader} and {writer} schema"},
	{"DEPENDENCY_ARRAY_CHANGED", "The value at path '{path}' is different between the {reader} and {writer} schema"},
	{"_CHANGED", "A type at path '{path}' is different between the {reader} schema and the {writer} schema"},
	{"", "The keyword at path '{path}' in the {reader} schema is not present in the {writer} schema"},
}

func incompatibility(f finding) schema.Incompatibility {
	i := schema.Incompatibility{Type: f.typ, Path: f.path, Form: messageForm}
	for _, p := range phrases {
		if strings.HasSuffix(f.typ, p.suffix) {
			i.Phrase = p.phrase
			break
		}
	}
	return i
}
