package jsonschema

import (
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/schema"
)

func object(properties, more string) string {
	return `{"type":"object","properties":{` + properties + `}` + more + `}`
}

const closed = `,"additionalProperties":false`

// From an old schema to a new one: type and path of what is found, by the
// policy Strict.
var changes = []struct{ name, old, new, want string }{
	{"nothing", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string"}`, ""), ""},
	{"words", `{"title":"a","description":"b"}`, `{"title":"c"}`, ""},
	{"another type", `{"type":"string"}`, `{"type":"number"}`, "TYPE_CHANGED #/"},
	{"integer to number", `{"type":"integer"}`, `{"type":"number"}`, ""},
	{"number to integer", `{"type":"number"}`, `{"type":"integer"}`, "TYPE_NARROWED #/"},
	{"to anything", `{"type":"number"}`, `{}`, ""}, {"to true", `{"type":"number"}`, `true`, ""}, {"from anything", `{}`, `{"type":"number"}`, "TYPE_CHANGED #/"},
	{"from nothing", `false`, `{"type":"number"}`, ""}, {"to nothing", `{"type":"number"}`, `false`, "TYPE_CHANGED #/"},
	{"one more type", `{"type":"string"}`, `{"type":["string","null"]}`, ""},
	{"one type fewer", `{"type":["string","null"]}`, `{"type":"string"}`, "TYPE_CHANGED #/"},
	{"two types of three", `{"type":["string","null","number"]}`, `{"type":["string","null"]}`, "SUM_TYPE_NARROWED #/"},
	{"strings", `{"type":"string","maxLength":5,"minLength":2}`, `{"type":"string","maxLength":4,"minLength":3,"pattern":"a"}`,
		"MAX_LENGTH_DECREASED #/maxLength; MIN_LENGTH_INCREASED #/minLength; PATTERN_ADDED #/pattern"},
	{"strings, freer", `{"type":"string","maxLength":5,"minLength":2,"pattern":"a"}`, `{"type":"string","maxLength":6}`, ""},
	{"pattern", `{"pattern":"a"}`, `{"pattern":"b"}`, "PATTERN_CHANGED #/pattern"},
	{"numbers", `{"type":"number"}`, `{"type":"number","maximum":1,"exclusiveMinimum":0,"multipleOf":2}`, "MAXIMUM_ADDED #/maximum; EXCLUSIVE_MINIMUM_ADDED #/exclusiveMinimum; MULTIPLE_OF_ADDED #/multipleOf"},
	{"numbers, freer", `{"type":"number","maximum":1,"minimum":0,"multipleOf":4}`, `{"type":"number","maximum":2.5,"minimum":-1,"multipleOf":0.5}`, ""},
	{"numbers, tighter", `{"type":"number","maximum":1,"minimum":0,"multipleOf":2}`, `{"type":"number","maximum":0.5,"minimum":0.1,"multipleOf":4}`, "MAXIMUM_DECREASED #/maximum; MINIMUM_INCREASED #/minimum; MULTIPLE_OF_EXPANDED #/multipleOf"},
	{"other multiples", `{"multipleOf":2}`, `{"multipleOf":3}`, "MULTIPLE_OF_CHANGED #/multipleOf"},
	{"enum extended", `{"enum":["a","b"]}`, `{"enum":["c","b","a"]}`, ""}, {"enum narrowed", `{"enum":["a","b"]}`, `{"enum":["b"]}`, "ENUM_ARRAY_NARROWED #/enum"},
	{"enum changed", `{"enum":["a","b"]}`, `{"enum":["b","c"]}`, "ENUM_ARRAY_CHANGED #/enum"}, {"const", `{"const":{"a":1.0}}`, `{"const":{"a":1}}`, ""}, {"const changed", `{"const":1}`, `{"const":2}`, "ENUM_ARRAY_CHANGED #/const"},
	{"enum with type", `{"type":"string","enum":["a","b"]}`, `{"type":"string","enum":["a"]}`, "COMBINED_TYPE_SUBSCHEMAS_CHANGED #/"},
	{"optional property to an open object", object("", ""), object(`"a":{"type":"string"}`, ""), "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a"},
	{"required property to an open object", object("", ""), object(`"a":{"type":"string"}`, `,"required":["a"]`), "REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a"},
	{"required property with default", object("", closed), object(`"a":{"type":"string","default":""}`, closed+`,"required":["a"]`), ""},
	{"anything to an open object", object("", ""), object(`"a":{}`, ""), ""},
	{"optional property to a closed object", object("", closed), object(`"a":{"type":"string"}`, closed), ""},
	{"required property to a closed object", object("", closed), object(`"a":{"type":"string"}`, closed+`,"required":["a"]`), "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/a"},
	{"property removed from an open object", object(`"a":{"type":"string"}`, ""), object("", ""), ""},
	{"property removed from a closed object", object(`"a":{"type":"string"}`, closed), object("", closed), "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/a"},
	{"impossible property removed", object(`"a":false`, closed), object("", closed), ""},
	{"property removed, covered", object(`"a":{"type":"string"}`, ""), object("", `,"patternProperties":{"^a":{"type":"string"}}`), ""},
	{"property removed, not covered", object(`"a":{"type":"string"}`, `,"additionalProperties":{"type":"number"}`), object("", `,"additionalProperties":{"type":"number"}`),
		"TYPE_CHANGED #/properties/a; PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/a"},
	{"property added, covered", object("", `,"additionalProperties":{"type":"integer"}`), object(`"a":{"type":"number"}`, `,"additionalProperties":{"type":"integer"}`), ""},
	{"property added, not covered", object("", `,"additionalProperties":{"type":"number"}`), object(`"a":{"type":"string"}`, `,"additionalProperties":{"type":"number"}`),
		"TYPE_CHANGED #/properties/a; PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/a"},
	{"closed", object(`"a":{}`, ""), object(`"a":{}`, closed), "ADDITIONAL_PROPERTIES_REMOVED #/additionalProperties"}, {"opened", object(`"a":{}`, closed), object(`"a":{}`, ""), ""},
	{"half closed", object(`"a":{}`, ""), object(`"a":{}`, `,"additionalProperties":{"type":"string"}`), "ADDITIONAL_PROPERTIES_NARROWED #/additionalProperties"},
	{"required", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string"}`, `,"required":["a"]`), "REQUIRED_ATTRIBUTE_ADDED #/required/a"},
	{"required with default", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string","default":"x"}`, `,"required":["a"]`), ""},
	{"not required", object(`"a":{"type":"string"}`, `,"required":["a"]`), object(`"a":{"type":"string"}`, ""), ""},
	{"deep", object(`"a":`+object(`"b":{"type":"array","items":{"type":"string"}}`, ""), ""), object(`"a":`+object(`"b":{"type":"array","items":{"type":"string","maxLength":3}}`, ""), ""), "MAX_LENGTH_ADDED #/properties/a/properties/b/items/maxLength"},
	{"numbers of properties", object("", ""), object("", `,"minProperties":1,"maxProperties":2`), "MAX_PROPERTIES_ADDED #/maxProperties; MIN_PROPERTIES_ADDED #/minProperties"},
	{"dependencies", object("", `,"dependencies":{"a":["b"],"c":["d"]}`), object("", `,"dependencies":{"a":["b","e"],"x":["y"],"z":{"type":"object"}}`),
		"DEPENDENCY_ARRAY_EXTENDED #/dependencies/a; DEPENDENCY_ARRAY_ADDED #/dependencies/x; DEPENDENCY_SCHEMA_ADDED #/dependencies/z"},
	{"items", `{"type":"array"}`, `{"type":"array","items":{"type":"string"},"maxItems":3,"minItems":1,"uniqueItems":true}`, "SCHEMA_ADDED #/items; MAX_ITEMS_ADDED #/maxItems; MIN_ITEMS_ADDED #/minItems; UNIQUE_ITEMS_ADDED #/uniqueItems"},
	{"items freed", `{"type":"array","items":{"type":"string"}}`, `{"type":"array"}`, ""},
	{"a tuple longer", `{"type":"array","items":[{"type":"string"}]}`, `{"type":"array","items":[{"type":"string"},{"type":"number"}]}`, "ITEM_ADDED_TO_OPEN_CONTENT_MODEL #/items/1"},
	{"a closed tuple longer", `{"type":"array","items":[{"type":"string"}],"additionalItems":false}`, `{"type":"array","items":[{"type":"string"},{"type":"number"}],"additionalItems":false}`, ""},
	{"a closed tuple shorter", `{"type":"array","items":[{"type":"string"},{"type":"number"}],"additionalItems":false}`, `{"type":"array","items":[{"type":"string"}],"additionalItems":false}`, "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL #/items/1"},
	{"a tuple of 2020-12", `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"array","prefixItems":[{"type":"string"}],"items":false}`,
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"array","prefixItems":[{"type":"number"}],"items":false}`, "TYPE_CHANGED #/items/0"},
	{"oneOf extended", `{"oneOf":[{"type":"string"},{"type":"number"}]}`, `{"oneOf":[{"type":"number"},{"type":"null"},{"type":"string"}]}`, ""},
	{"oneOf narrowed", `{"oneOf":[{"type":"string"},{"type":"number"},{"type":"null"}]}`, `{"oneOf":[{"type":"number"},{"type":"string"}]}`, "SUM_TYPE_NARROWED #/"},
	{"oneOf changed", `{"oneOf":[{"type":"string"},{"type":"number"}]}`, `{"oneOf":[{"type":"string"},{"type":"boolean"}]}`, "COMBINED_TYPE_SUBSCHEMAS_CHANGED #/"},
	{"allOf extended", `{"allOf":[{"type":"string"},{"maxLength":3}]}`, `{"allOf":[{"type":"string"},{"maxLength":3},{"minLength":1}]}`, "PRODUCT_TYPE_EXTENDED #/"},
	{"oneOf to anyOf", `{"oneOf":[{"type":"string"},{"type":"number"}]}`, `{"anyOf":[{"type":"string"},{"type":"number"}]}`, ""},
	{"anyOf to oneOf", `{"anyOf":[{"type":"string"},{"type":"number"}]}`, `{"oneOf":[{"type":"string"},{"type":"number"}]}`, "COMBINED_TYPE_CHANGED #/"},
	{"into anyOf", `{"type":"string"}`, `{"anyOf":[{"type":"number"},{"type":"string"}]}`, ""}, {"out of allOf", `{"allOf":[{"type":"string"},{"maxLength":3}]}`, `{"type":"string"}`, ""},
	{"not", `{"not":{"type":"string"}}`, `{"not":{"type":["string","null"]}}`, "NOT_TYPE_EXTENDED #/not"}, {"not, freer", `{"not":{"type":["string","null"]}}`, `{"not":{"type":"string"}}`, ""},
	{"through references", `{"properties":{"a":{"$ref":"#/definitions/x"}},"definitions":{"x":{"type":"string"}}}`, `{"properties":{"a":{"$ref":"#/definitions/y"}},"definitions":{"y":{"type":"number"}}}`, "TYPE_CHANGED #/properties/a"},
	{"recursive", `{"type":"object","properties":{"next":{"$ref":"#"},"v":{"type":"integer"}}}`, `{"type":"object","properties":{"next":{"$ref":"#"},"v":{"type":"number"}}}`, ""},
	{"recursive, tighter", `{"type":"object","properties":{"next":{"$ref":"#"},"v":{"type":"number"}}}`, `{"type":"object","properties":{"next":{"$ref":"#"},"v":{"type":"integer"}}}`, "TYPE_NARROWED #/properties/v"},
}

func findings(t *testing.T, old, new string, policy schema.Policy) string {
	t.Helper()
	var got []string
	for _, f := range parse(t, new).Reads(parse(t, old), policy) {
		got = append(got, f.Type+" "+f.Path)
	}
	return strings.Join(got, "; ")
}

func TestChangesAreJudgedAsConfluentJudgesThem(t *testing.T) {
	for _, tc := range changes {
		if got := findings(t, tc.old, tc.new, schema.Strict); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestLenientLetsOptionalPropertiesComeAndGo(t *testing.T) {
	str, num := `"a":{"type":"string"}`, `"additionalProperties":{"type":"number"}`
	for _, tc := range []struct{ name, old, new, want string }{
		{"added", object("", ""), object(str, ""), ""},
		{"removed", object(str, closed), object("", closed), ""},
		{"closed", object(str, ""), object(str, closed), ""},
		{"required", object("", ""), object(str, `,"required":["a"]`), "REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a"},
		{"another type", object(str, ""), object(`"a":{"type":"null"}`, ""), "TYPE_CHANGED #/properties/a"},
		{"removed, and other properties have another type", object(str, ","+num), object("", ","+num), "TYPE_CHANGED #/properties/a"},
	} {
		if got := findings(t, tc.old, tc.new, schema.Lenient); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestAMessageIsThatOfConfluentsRegistry(t *testing.T) {
	found := parse(t, object(`"a":{"type":"string"}`, "")).Reads(parse(t, object("", "")), schema.Strict)
	want := `{errorType:"OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", description:"The old schema has an open content model and has a property or item at path '#/properties/a' which is missing in the new schema'}`
	if got := found[0].Message("old", "new"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
