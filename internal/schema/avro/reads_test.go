package avro

import (
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/schema"
)

func rec(fields ...string) string {
	return `{"type":"record","name":"R","fields":[` + strings.Join(fields, ",") + `]}`
}

// Pairs of a reader and a writer, and what is wrong between them: type, path
// and detail of each finding. From the specification's section on resolution.
var pairs = []struct{ name, reader, writer, want string }{
	{"itself", rec(`{"name":"a","type":"int"}`), rec(`{"name":"a","type":"int"}`), ""},
	{"int as long", `"long"`, `"int"`, ""}, {"int as float", `"float"`, `"int"`, ""}, {"int as double", `"double"`, `"int"`, ""},
	{"long as float", `"float"`, `"long"`, ""}, {"long as double", `"double"`, `"long"`, ""}, {"float as double", `"double"`, `"float"`, ""},
	{"string as bytes", `"bytes"`, `"string"`, ""}, {"bytes as string", `"string"`, `"bytes"`, ""},
	{"long as int", `"int"`, `"long"`, "TYPE_MISMATCH / reader type: INT not compatible with writer type: LONG"},
	{"double as float", `"float"`, `"double"`, "TYPE_MISMATCH / reader type: FLOAT not compatible with writer type: DOUBLE"},
	{"boolean as int", `"int"`, `"boolean"`, "TYPE_MISMATCH / reader type: INT not compatible with writer type: BOOLEAN"},
	{"int as null", `"null"`, `"int"`, "TYPE_MISMATCH / reader type: NULL not compatible with writer type: INT"},
	{"logical types", `{"type":"int","logicalType":"date"}`, `{"type":"int","logicalType":"time-millis"}`, ""},
	{"decimals of other scale", `{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, `{"type":"bytes","logicalType":"decimal","precision":9}`, ""},
	{"items", `{"type":"array","items":"int"}`, `{"type":"array","items":"string"}`, "TYPE_MISMATCH /items reader type: INT not compatible with writer type: STRING"},
	{"values", `{"type":"map","values":"long"}`, `{"type":"map","values":"int"}`, ""},
	{"array as map", `{"type":"map","values":"int"}`, `{"type":"array","items":"int"}`, "TYPE_MISMATCH / reader type: MAP not compatible with writer type: ARRAY"},
	{"field added with default", rec(`{"name":"a","type":"int"}`, `{"name":"b","type":"int","default":0}`), rec(`{"name":"a","type":"int"}`), ""},
	{"field added without default", rec(`{"name":"a","type":"int"}`, `{"name":"b","type":"int"}`), rec(`{"name":"a","type":"int"}`), "READER_FIELD_MISSING_DEFAULT_VALUE /fields/1 b"},
	{"field removed", rec(), rec(`{"name":"a","type":"int"}`), ""},
	{"field null by default", rec(`{"name":"a","type":["null","int"],"default":null}`), rec(), ""},
	{"nullable field without default", rec(`{"name":"a","type":["null","int"]}`), rec(), "READER_FIELD_MISSING_DEFAULT_VALUE /fields/0 a"},
	{"field renamed with alias", rec(`{"name":"b","type":"long","aliases":["a"]}`), rec(`{"name":"a","type":"int"}`), ""},
	{"field renamed", rec(`{"name":"b","type":"int"}`), rec(`{"name":"a","type":"int"}`), "READER_FIELD_MISSING_DEFAULT_VALUE /fields/0 b"},
	{"field of two", rec(`{"name":"b","type":"int","aliases":["a"]}`), rec(`{"name":"a","type":"int"}`, `{"name":"b","type":"int"}`),
		"READER_FIELD_AMBIGUOUS /fields/0 field b matches several fields of writer record R by its name and aliases"},
	{"enum's default for a field", rec(`{"name":"e","type":{"type":"enum","name":"E","symbols":["X"],"default":"X"}}`), rec(), "TYPE_MISMATCH /fields/0/type reader type: ENUM not compatible with writer type: RECORD"},
	{"fields in another order", rec(`{"name":"a","type":"int"}`, `{"name":"b","type":"int"}`), rec(`{"name":"b","type":"int"}`, `{"name":"a","type":"int"}`), ""},
	{"another name", `{"type":"record","name":"S","fields":[]}`, rec(), "NAME_MISMATCH /name expected: R"},
	{"another namespace", `{"type":"record","name":"n.R","fields":[]}`, rec(), ""},
	{"another name with alias", `{"type":"record","name":"S","aliases":["R"],"fields":[]}`, rec(), ""},
	{"alias of another namespace", `{"type":"record","name":"n.S","aliases":["R"],"fields":[]}`, rec(), "NAME_MISMATCH /name expected: R"},
	{"symbols missing", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"E","symbols":["C","A","B"]}`, "MISSING_ENUM_SYMBOLS /symbols [B, C]"},
	{"symbols missing, with default", `{"type":"enum","name":"E","symbols":["A"],"default":"A"}`, `{"type":"enum","name":"E","symbols":["A","B"]}`, ""},
	{"symbols added", `{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["B"]}`, ""},
	{"another size", `{"type":"fixed","name":"F","size":3}`, `{"type":"fixed","name":"F","size":4}`, "FIXED_SIZE_MISMATCH /size expected: 4, found: 3"},
	{"another name and size", `{"type":"fixed","name":"G","size":3}`, `{"type":"fixed","name":"F","size":4}`, "NAME_MISMATCH /name expected: F; FIXED_SIZE_MISMATCH /size expected: 4, found: 3"},
	{"fixed as bytes", `"bytes"`, `{"type":"fixed","name":"F","size":4}`, "TYPE_MISMATCH / reader type: BYTES not compatible with writer type: FIXED"},
	{"into a union", `["null","long"]`, `"int"`, ""},
	{"out of a union", `"int"`, `["null","int"]`, "TYPE_MISMATCH /0 reader type: INT not compatible with writer type: NULL"},
	{"out of a union of one", `"long"`, `["int"]`, ""},
	{"branch missing", `["null","int"]`, `["null","string","int"]`, "MISSING_UNION_BRANCH /1 reader union lacking writer type: STRING"},
	{"branch added", `["string","null","int"]`, `["null","int"]`, ""},
	{"not in the union", `["null","int"]`, `"string"`, "MISSING_UNION_BRANCH / reader union lacking writer type: STRING"},
	{"branch promoted", `["null","double"]`, `["null","int"]`, ""},
	{"branch with another record inside", `["null",` + rec(`{"name":"a","type":"int"}`) + `]`, `["null",` + rec(`{"name":"b","type":"int"}`) + `]`, "MISSING_UNION_BRANCH /1 reader union lacking writer type: RECORD"},
	{"field of a union", rec(`{"name":"a","type":["null","int"]}`), rec(`{"name":"a","type":["null","int","string"]}`), "MISSING_UNION_BRANCH /fields/0/type/2 reader union lacking writer type: STRING"},
	{"deep", rec(`{"name":"a","type":{"type":"array","items":{"type":"map","values":"int"}}}`), rec(`{"name":"a","type":{"type":"array","items":{"type":"map","values":"long"}}}`),
		"TYPE_MISMATCH /fields/0/type/items/values reader type: INT not compatible with writer type: LONG"},
	{"recursive", rec(`{"name":"next","type":["null","R"]}`, `{"name":"v","type":"long"}`), rec(`{"name":"next","type":["null","R"]}`, `{"name":"v","type":"int"}`), ""},
	{"recursive, with another value", rec(`{"name":"next","type":["null","R"]}`, `{"name":"v","type":"int"}`), rec(`{"name":"next","type":["null","R"]}`, `{"name":"v","type":"long"}`),
		"TYPE_MISMATCH /fields/1/type reader type: INT not compatible with writer type: LONG"},
}

func TestAReaderReadsWhatTheSpecificationSaysItDoes(t *testing.T) {
	for _, tc := range pairs {
		var got []string
		for _, f := range parse(t, tc.reader).Reads(parse(t, tc.writer), schema.Strict) {
			got = append(got, f.Type+" "+f.Path+" "+f.Detail)
		}
		if s := strings.Join(got, "; "); s != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, s, tc.want)
		}
	}
}

func TestWhatWasTakenForCompatibleOnTheWayIsNotBelieved(t *testing.T) {
	// B reads B if A reads A, which is found out only later that it does not.
	text := func(v string) string {
		return `{"type":"record","name":"Top","fields":[
			{"name":"u","type":["null",{"type":"record","name":"A","fields":[
				{"name":"b","type":["null",{"type":"record","name":"B","fields":[{"name":"a","type":["null","A"]}]}]},
				{"name":"v","type":"` + v + `"}]},{"type":"record","name":"X","aliases":["A"],"fields":[]}]},
			{"name":"b","type":["null","B"]}]}`
	}
	found := parse(t, text("int")).Reads(parse(t, text("string")), schema.Strict)
	if len(found) != 1 || found[0].Path != "/fields/1/type/1" {
		t.Errorf("found %+v", found)
	}
}

func TestAMessageIsThatOfConfluentsRegistry(t *testing.T) {
	found := parse(t, rec(`{"name":"b","type":"int"}`)).Reads(parse(t, rec()), schema.Strict)
	want := `{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'b' at path '/fields/0' in the new schema has no default value and is missing in the old schema', additionalInfo:'b'}`
	if got := found[0].Message("new", "old"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for typ, phrase := range phrases {
		if finding(typ, "", "").Phrase != phrase || phrase == "" {
			t.Errorf("%s has no phrase", typ)
		}
	}
}
