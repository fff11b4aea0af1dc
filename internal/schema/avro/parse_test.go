package avro

import (
	"errors"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/schema"
)

func parse(t testing.TB, text string, refs ...string) *Schema {
	t.Helper()
	src := schema.Source{Text: text, New: true}
	for _, r := range refs {
		src.Resolved = append(src.Resolved, schema.Named{Name: "r", Text: r})
	}
	s, err := Language{}.Parse(src)
	if err != nil {
		t.Fatalf("%s: %v", short(text), err)
	}
	return s.(*Schema)
}

// Texts as Avro's library for Java prints them.
var printed = []struct{ name, text, want, normalized string }{
	{"a primitive", `"int"`, `"int"`, `"int"`},
	{"a primitive in an object", ` { "type" : "int" } `, `"int"`, `"int"`},
	{"a primitive with properties", `{"logicalType":"date","b":1,"type":"int","a":{"y":1,"x":2}}`,
		`{"type":"int","logicalType":"date","b":1,"a":{"y":1,"x":2}}`, `{"type":"int","logicalType":"date","a":{"x":2,"y":1},"b":1}`},
	{"a logical type that does not fit", `{"type":"string","logicalType":"date","a":1}`,
		`{"type":"string","logicalType":"date","a":1}`, `{"type":"string","a":1,"logicalType":"date"}`},
	{"a decimal", `{"type":"bytes","scale":2,"a":0,"precision":9,"logicalType":"decimal"}`,
		`{"type":"bytes","scale":2,"a":0,"precision":9,"logicalType":"decimal"}`, `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2,"a":0}`},
	{"a decimal of scale 0", `{"type":"bytes","scale":0,"a":0,"precision":9,"logicalType":"decimal"}`,
		`{"type":"bytes","scale":0,"a":0,"precision":9,"logicalType":"decimal"}`, `{"type":"bytes","logicalType":"decimal","precision":9,"a":0,"scale":0}`},
	{"a record", `{"fields":[{"type":"string","name":"f","doc":"","order":"DESCENDING","aliases":["z","a","z"],"x":1}],
		"aliases":["n.Z","o.A"],"doc":"","z":1,"a":2,"namespace":"n","name":"R","type":"record"}`,
		`{"type":"record","name":"R","namespace":"n","doc":"","fields":[{"name":"f","type":"string","doc":"","order":"descending","aliases":["z","a"],"x":1}],"z":1,"a":2,"aliases":["Z","o.A"]}`,
		`{"type":"record","name":"R","namespace":"n","fields":[{"name":"f","type":"string","doc":"","order":"descending","aliases":["a","z"],"x":1}],"a":2,"z":1,"aliases":["Z","o.A"]}`},
	{"namespaces", `{"type":"record","name":"a.b.R","fields":[
		{"name":"same","type":{"type":"fixed","name":"F","size":2}},
		{"name":"other","type":{"type":"enum","name":"c.E","symbols":["X"],"default":"X"}},
		{"name":"none","type":{"type":"error","name":"N","namespace":"","fields":[]}},
		{"name":"again","type":["null","F","c.E","a.b.R"],"default":null}]}`,
		`{"type":"record","name":"R","namespace":"a.b","fields":[{"name":"same","type":{"type":"fixed","name":"F","size":2}},` +
			`{"name":"other","type":{"type":"enum","name":"E","namespace":"c","symbols":["X"],"default":"X"}},` +
			`{"name":"none","type":{"type":"error","name":"N","namespace":"","fields":[]}},{"name":"again","type":["null","F","c.E","R"],"default":null}]}`,
		`{"type":"record","name":"R","namespace":"a.b","fields":[{"name":"same","type":{"type":"fixed","name":"F","size":2}},` +
			`{"name":"other","type":{"type":"enum","name":"E","namespace":"c","symbols":["X"],"default":"X"}},` +
			`{"name":"none","type":{"type":"record","name":"N","namespace":"","fields":[]}},{"name":"again","type":["null","F","c.E","R"],"default":null}]}`},
	{"a name used before it is defined", `{"type":"record","name":"R","fields":[{"name":"a","type":"L"},{"name":"b","type":{"type":"fixed","name":"L","size":1}}]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"L","size":1}},{"name":"b","type":"L"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"L","size":1}},{"name":"b","type":"L"}]}`},
	{"defaults", `{"type":"record","name":"R","fields":[{"name":"d","type":"double","default":1},{"name":"f","type":"float","default":"NaN"},
		{"name":"m","type":{"type":"map","values":"float"},"default":{"b":1,"a":2.50}},{"name":"l","type":{"type":"array","items":"long"},"default":[1]},
		{"name":"u","type":["null","double"],"default":1e7},{"name":"s","type":"bytes","default":"\u00ff"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"d","type":"double","default":1},{"name":"f","type":"float","default":"NaN"},` +
			`{"name":"m","type":{"type":"map","values":"float"},"default":{"b":1,"a":2.5}},{"name":"l","type":{"type":"array","items":"long"},"default":[1]},` +
			`{"name":"u","type":["null","double"],"default":1.0E7},{"name":"s","type":"bytes","default":"ÿ"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"d","type":"double","default":1.0},{"name":"f","type":"float","default":"NaN"},` +
			`{"name":"m","type":{"type":"map","values":"float"},"default":{"a":2.5,"b":1.0}},{"name":"l","type":{"type":"array","items":"long"},"default":[1]},` +
			`{"name":"u","type":["null","double"],"default":1.0E7},{"name":"s","type":"bytes","default":"ÿ"}]}`},
	{"what Avro knows where it means nothing", `{"type":"array","items":"int","doc":"x","name":"y","default":[]}`,
		`{"type":"array","items":"int","default":[]}`, `{"type":"array","items":"int","default":[]}`},
	{"the same type twice", `[{"type":"record","name":"A","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["X"]}}]},
		{"type":"record","name":"B","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["X"],"doc":"again"}}]}]`,
		`[{"type":"record","name":"A","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["X"]}}]},{"type":"record","name":"B","fields":[{"name":"e","type":"E"}]}]`,
		`[{"type":"record","name":"A","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["X"]}}]},{"type":"record","name":"B","fields":[{"name":"e","type":"E"}]}]`},
}

func TestASchemaIsPrintedAsConfluentStoresIt(t *testing.T) {
	for _, tc := range printed {
		s := parse(t, tc.text)
		if tc.name == "the same type twice" {
			continue // the second definition is dropped with its documentation
		}
		if got := s.Text(); got != tc.want {
			t.Errorf("%s: got\n%s, want\n%s", tc.name, got, tc.want)
		}
		if got := s.Normalized(); got != tc.normalized {
			t.Errorf("%s: normalized is\n%s, want\n%s", tc.name, got, tc.normalized)
		}
		if again := parse(t, s.Text()); again.Text() != s.Text() {
			t.Errorf("%s: printed again it is %s", tc.name, again.Text())
		}
		if again := parse(t, s.Normalized()); again.Text() != s.Normalized() || again.Normalized() != s.Normalized() {
			t.Errorf("%s: normalized again it is %s", tc.name, again.Normalized())
		}
	}
}

func TestATypeOfAReferenceIsNamedAndWrittenOutOnlyIfAsked(t *testing.T) {
	inner := `{"type":"record","name":"n.Inner","fields":[{"name":"x","type":"int"}]}`
	outer := `{"type":"record","name":"n.Outer","fields":[{"name":"i","type":"Inner"}]}`
	s := parse(t, `{"type":"record","name":"m.R","fields":[{"name":"o","type":"n.Outer"},{"name":"i","type":"n.Inner"}]}`, inner, outer)
	if want := `{"type":"record","name":"R","namespace":"m","fields":[{"name":"o","type":"n.Outer"},{"name":"i","type":"n.Inner"}]}`; s.Text() != want {
		t.Errorf("got %s, want %s", s.Text(), want)
	}
	want := `{"type":"record","name":"R","namespace":"m","fields":[{"name":"o","type":{"type":"record","name":"Outer","namespace":"n","fields":[` +
		`{"name":"i","type":{"type":"record","name":"Inner","fields":[{"name":"x","type":"int"}]}}]}},{"name":"i","type":"n.Inner"}]}`
	if got := s.Formatted("resolved"); got != want {
		t.Errorf("resolved is %s, want %s", got, want)
	}
	if got := s.Formatted("unheard-of"); got != s.Text() {
		t.Errorf("an unknown format gives %s", got)
	}
}

func TestWhatIsNoSchemaIsRefusedAndSaysWhy(t *testing.T) {
	record := func(fields string) string { return `{"type":"record","name":"R","fields":[` + fields + `]}` }
	for text, want := range map[string]string{
		``: "ends where a value", `7`: "not integer", `"strin"`: `undefined name: "strin"`, `{"name":"x"}`: `no "type"`, `{"type":"recrod"}`: "recrod",
		`{"type":"record","name":"R"}`: "no fields", `{"type":"record","fields":[]}`: "no name", `{"type":"array"}`: `no "items"`, `{"type":"map"}`: `no "values"`,
		record(`{"name":"a"}`): "no type", record(`{"type":"int"}`): "no name", record(`{"name":"a","type":"int"},{"name":"a","type":"int"}`): "duplicate field a",
		record(`{"name":"a","type":"int","default":"x"}`): "invalid default", record(`{"name":"a","type":"int","default":1.5}`): "invalid default",
		record(`{"name":"a","type":"int","default":2147483648}`): "invalid default", record(`{"name":"a","type":["null","int"],"default":"x"}`): "invalid default",
		record(`{"name":"a","type":{"type":"array","items":"int"},"default":[1,"x"]}`): "invalid default", record(`{"name":"a","type":"double","default":"one"}`): "no number",
		record(`{"name":"a","type":` + record(`{"name":"x","type":"int"}`) + `,"default":{}}`):                       "can't redefine",
		record(`{"name":"a","type":{"type":"record","name":"S","fields":[{"name":"x","type":"int"}]},"default":{}}`): "invalid default",
		record(`{"name":"a","type":"int","order":"up"}`):                                                             "order", record(`{"name":"1a","type":"int"}`): `'1'`, record(`{"name":"a-b","type":"int"}`): `'-'`, record(`{"name":"","type":"int"}`): "empty",
		record(`{"name":"é","type":"int"}`): "é", `{"type":"fixed","name":"F"}`: "no size", `{"type":"fixed","name":"F","size":-1}`: "-1", `{"type":"fixed","name":"F","size":1.5}`: "whole",
		`{"type":"enum","name":"E"}`: "no symbols", `{"type":"enum","name":"E","symbols":["A","A"]}`: "twice", `{"type":"enum","name":"E","symbols":["A"],"default":"B"}`: "default",
		`{"type":"enum","name":"E","symbols":["A.B"]}`: `'.'`, `["int",["null"]]`: "union directly", `["int","int"]`: "duplicate in union: int",
		`[{"type":"array","items":"int"},{"type":"array","items":"long"}]`: "duplicate in union: array", `{"type":"fixed","name":"int","size":1}`: "primitive",
		`{"type":"fixed","name":"a..F","size":1}`: "a..F", `{"type":"fixed","name":"F","size":1,"aliases":"x"}`: "array", `{"type":"fixed","name":"F","size":1,"aliases":[1]}`: "alias",
		`[{"type":"fixed","name":"F","size":1},{"type":"array","items":{"type":"fixed","name":"F","size":2}}]`: "can't redefine: F",
	} {
		_, err := Language{}.Parse(schema.Source{Text: text, New: true})
		if !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

func TestASchemaThatIsInTheTopicMayHaveDefaultsAndNamesThatANewOneMayNot(t *testing.T) {
	for _, text := range []string{
		`{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}`,
		`{"type":"record","name":"é","fields":[{"name":"ü1","type":"int"}]}`,
		`{"type":"record","name":"R","namespace":"with-dash","fields":[]}`,
	} {
		if _, err := (Language{}).Parse(schema.Source{Text: text}); err != nil {
			t.Errorf("%s, registered before: %v", text, err)
		}
		if _, err := (Language{}).Parse(schema.Source{Text: text, New: true}); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s, new: %v", text, err)
		}
	}
}
