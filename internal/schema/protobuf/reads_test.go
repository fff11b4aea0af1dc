package protobuf

import (
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/schema"
)

func p3(body string) string { return `syntax = "proto3"; package p; ` + body }
func p2(body string) string { return `syntax = "proto2"; package p; ` + body }

// From an old file to a new one: type and path of what is found.
var changes = []struct{ name, old, new, want string }{
	{"nothing", p3("message A { int32 a = 1; }"), p3("message A { int32 a = 1; }"), ""},
	{"package", p3("message A {}"), `syntax = "proto3"; message A {}`, "PACKAGE_CHANGED #/"},
	{"message added", p3("message A {}"), p3("message B {} message A {}"), ""},
	{"message removed", p3("message A { message N {} }"), p3("message A {}"), "MESSAGE_REMOVED #/A/N"},
	{"field added, removed, renamed", p3("message A { int32 a = 1; string b = 2; }"), p3("message A { int32 x = 1; bytes c = 3; }"), ""},
	{"kinds that can be read for one another", p3("message A { int32 a = 1; string b = 2; sint32 c = 3; fixed32 d = 4; E e = 5; } enum E { Z = 0; }"),
		p3("message A { bool a = 1; bytes b = 2; sint64 c = 3; sfixed32 d = 4; uint64 e = 5; }"), ""},
	{"another kind", p3("message A { int32 a = 1; }"), p3("message A { string a = 1; }"), "FIELD_SCALAR_KIND_CHANGED #/A/1"},
	{"int32 to sint32", p3("message A { int32 a = 1; }"), p3("message A { sint32 a = 1; }"), "FIELD_SCALAR_KIND_CHANGED #/A/1"},
	{"float to double", p3("message A { float a = 1; }"), p3("message A { double a = 1; }"), "FIELD_SCALAR_KIND_CHANGED #/A/1"},
	{"scalar to message", p3("message A { int32 a = 1; }"), p3("message A { A a = 1; }"), "FIELD_KIND_CHANGED #/A/1"},
	{"scalar to map", p3("message A { int32 a = 1; }"), p3("message A { map<string, string> a = 1; }"), "FIELD_KIND_CHANGED #/A/1"},
	{"values of a map", p3("message A { map<string, int32> a = 1; }"), p3("message A { map<string, string> a = 1; }"), "FIELD_SCALAR_KIND_CHANGED #/A/1"},
	{"another message", p3("message A { B a = 1; } message B {} message C {}"), p3("message A { C a = 1; } message B {} message C {}"), "FIELD_NAMED_TYPE_CHANGED #/A/1"},
	{"within a message", p3("message A { B b = 1; message B { int32 c = 3; } }"), p3("message A { B b = 1; message B { string c = 3; } }"), "FIELD_SCALAR_KIND_CHANGED #/A/B/3"},
	{"labels", p2("message A { optional int32 a = 1; optional string b = 2; }"), p2("message A { repeated int32 a = 1; repeated string b = 2; }"), "FIELD_NUMERIC_LABEL_CHANGED #/A/1"},
	{"required added", p2("message A {}"), p2("message A { required int32 a = 1; }"), "REQUIRED_FIELD_ADDED #/A/1"},
	{"required removed", p2("message A { required int32 a = 1; }"), p2("message A {}"), "REQUIRED_FIELD_REMOVED #/A/1"},
	{"oneof removed", p3("message A { oneof o { int32 a = 1; int32 b = 2; } }"), p3("message A {}"), ""},
	{"oneof's field removed", p3("message A { oneof o { int32 a = 1; int32 b = 2; } }"), p3("message A { oneof o { int32 a = 1; } }"), "ONEOF_FIELD_REMOVED #/A/o/2"},
	{"oneof's field removed, another moved out", p3("message A { oneof o { int32 a = 1; int32 b = 2; } }"), p3("message A { int32 a = 1; }"), "ONEOF_FIELD_REMOVED #/A/o/2"},
	{"field moved to a new oneof", p3("message A { int32 a = 1; }"), p3("message A { oneof o { int32 a = 1; int32 b = 2; } }"), ""},
	{"fields moved to a oneof", p3("message A { int32 a = 1; int32 b = 2; }"), p3("message A { oneof o { int32 a = 1; int32 b = 2; } }"), "MULTIPLE_FIELDS_MOVED_TO_ONEOF #/A/o"},
	{"field moved to a oneof that is", p3("message A { int32 a = 1; oneof o { int32 b = 2; } }"), p3("message A { oneof o { int32 a = 1; int32 b = 2; } }"), "FIELD_MOVED_TO_EXISTING_ONEOF #/A/o"},
	{"kind within a oneof", p3("message A { oneof o { int32 a = 1; } }"), p3("message A { oneof o { string a = 1; } }"), "FIELD_SCALAR_KIND_CHANGED #/A/o/1"},
	{"optional is no oneof", p3("message A { int32 a = 1; int32 b = 2; }"), p3("message A { optional int32 a = 1; optional int32 b = 2; }"), ""},
	{"recursive", p3("message A { A a = 1; int32 b = 2; }"), p3("message A { A a = 1; float b = 2; }"), "FIELD_SCALAR_KIND_CHANGED #/A/2"},
	{"enums", p3("enum E { A = 0; B = 1; } message M { E e = 1; }"), p3("message M { int32 e = 1; }"), ""},
}

func kinds(found []schema.Incompatibility) string {
	var got []string
	for _, f := range found {
		got = append(got, f.Type+" "+f.Path)
	}
	return strings.Join(got, "; ")
}

func TestChangesAreJudgedAsConfluentJudgesThem(t *testing.T) {
	for _, tc := range changes {
		if got := kinds(parse(t, tc.new).Reads(parse(t, tc.old), schema.Strict)); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestMessagesOfAnotherVersionOfAnImportAreCompared(t *testing.T) {
	text := `syntax = "proto3"; import "m.proto"; message O { m.Money total = 1; }`
	money := func(body string) schema.Named {
		return schema.Named{Name: "m.proto", Text: `syntax = "proto3"; package m; message Money { ` + body + ` }`}
	}
	one, same, more, other := money("int64 a = 1;"), money("int64 b = 1;"), money("int64 a = 1; string c = 2;"), money("string abc = 1;")
	for _, tc := range []struct {
		new  schema.Named
		want string
	}{{one, ""}, {same, ""}, {more, ""}, {other, "FIELD_SCALAR_KIND_CHANGED #/Money/1; FIELD_NAMED_TYPE_CHANGED #/O/1"}} {
		if got := kinds(parse(t, text, tc.new).Reads(parse(t, text, one), schema.Strict)); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.new.Text, got, tc.want)
		}
	}
}

func TestAMessageIsThatOfConfluentsRegistry(t *testing.T) {
	found := parse(t, p3("message A { string a = 1; }")).Reads(parse(t, p3("message A { int32 a = 1; }")), schema.Strict)
	want := `{errorType:"FIELD_SCALAR_KIND_CHANGED", description:"The kind of a SCALAR field at path '#/A/1' in the new schema does not match its kind in the old schema"}`
	if got := found[0].Message("new", "old"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for typ := range phrases {
		if finding(typ, "").Phrase == "" {
			t.Errorf("%s has no phrase", typ)
		}
	}
}
