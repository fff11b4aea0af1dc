package protobuf

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/schema"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

func parse(t testing.TB, text string, refs ...schema.Named) *Schema {
	t.Helper()
	src := schema.Source{Text: text, Resolved: refs, New: true}
	for _, r := range refs {
		src.References = append(src.References, schema.Reference{Name: r.Name, Subject: r.Name, Version: len(r.Text)})
	}
	s, err := Language{}.Parse(src)
	if err != nil {
		t.Fatalf("%s: %v", short(text), err)
	}
	return s.(*Schema)
}

// Files as Confluent's registry prints them.
var printed = []struct{ name, text, want, normalized string }{
	{"a message", `syntax="proto3"; /* c */ message A{string a=1;//x
}`, "syntax = \"proto3\";\n\nmessage A {\n  string a = 1;\n}\n", "syntax = \"proto3\";\n\nmessage A {\n  string a = 1;\n}\n"},
	{"an empty message", `message A{}`, "\nmessage A {}\n", "\nmessage A {}\n"},
	{"proto2", `syntax="proto2"; message A{required int32 a=1;optional string b=2 [default="x\n"];repeated group G=3{optional int32 c=1;}}`,
		"syntax = \"proto2\";\n\nmessage A {\n  required int32 a = 1;\n  optional string b = 2 [default = \"x\\n\"];\n\n  repeated group G = 3 {\n    optional int32 c = 1;\n  }\n}\n",
		"\nmessage A {\n  required int32 a = 1;\n  optional string b = 2 [default = \"x\\n\"];\n\n  repeated group G = 3 {\n    optional int32 c = 1;\n  }\n}\n"},
	{"all of it", `syntax = "proto3"; package a.b; option java_package = "x"; option cc_enable_arenas = true;
import "google/protobuf/timestamp.proto"; import public "google/protobuf/any.proto"; import "google/protobuf/duration.proto";
enum E { option deprecated = true; reserved 9, 5 to 7; reserved "Q"; Z = 0; B = 2 [deprecated = true]; A = 1; }
message M { option deprecated = true; reserved 20 to 22, 15; reserved "y", "x"; N n = 9; map<string, N> m = 8; E e = 7; optional int32 o = 6;
 repeated .google.protobuf.Timestamp ts = 5 [json_name = "tt", deprecated = true]; oneof z { string s = 4; N nn = 3; } oneof y { int64 i = 2; bool bb = 1; }
 message N { enum F { G = 0; } F f = 1; } enum H { I = 0; } }
service S { rpc Do (stream M) returns (M.N); rpc Go (M) returns (stream M) { option deprecated = true; } }`,
		`syntax = "proto3";
package a.b;

import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import public "google/protobuf/any.proto";

option java_package = "x";
option cc_enable_arenas = true;

message M {
  reserved 20 to 22, 15;
  reserved "y", "x";

  option deprecated = true;

  N n = 9;
  map<string, N> m = 8;
  E e = 7;
  optional int32 o = 6;
  repeated .google.protobuf.Timestamp ts = 5 [
    deprecated = true,
    json_name = "tt"
  ];

  oneof z {
    string s = 4;
    N nn = 3;
  }
  oneof y {
    int64 i = 2;
    bool bb = 1;
  }

  message N {
    F f = 1;
  
    enum F {
      G = 0;
    }
  }
  enum H {
    I = 0;
  }
}
enum E {
  reserved 9, 5 to 7;
  reserved "Q";
  option deprecated = true;
  Z = 0;
  B = 2 [deprecated = true];
  A = 1;
}

service S {
  rpc Do (stream M) returns (M.N);
  rpc Go (M) returns (stream M) {
    option deprecated = true;
  };
}
`, `syntax = "proto3";
package a.b;

import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
import public "google/protobuf/any.proto";

option cc_enable_arenas = true;
option java_package = "x";

message M {
  reserved 15;
  reserved 20 to 22;
  reserved "x";
  reserved "y";

  option deprecated = true;

  .a.b.E e = 7;
  map<string, .a.b.M.N> m = 8;
  .a.b.M.N n = 9;
  optional int32 o = 6;
}
`},
}

func TestAFileIsPrintedAsConfluentStoresIt(t *testing.T) {
	for _, tc := range printed {
		s := parse(t, tc.text)
		if got := s.Text(); got != tc.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.name, got, tc.want)
		}
		if got := s.Normalized(); tc.name != "all of it" && got != tc.normalized {
			t.Errorf("%s: normalized is\n%s\nwant\n%s", tc.name, got, tc.normalized)
		}
		if again := parse(t, s.Text()); again.Text() != s.Text() || again.Normalized() != s.Normalized() {
			t.Errorf("%s: printed again it is\n%s", tc.name, again.Text())
		}
		if again := parse(t, s.Normalized()); again.Text() != s.Normalized() || again.Normalized() != s.Normalized() {
			t.Errorf("%s: normalized again it is\n%s\nand was\n%s", tc.name, again.Normalized(), s.Normalized())
		}
		if again := parse(t, s.Formatted("serialized")); again.Normalized() != s.Normalized() {
			t.Errorf("%s: read from its descriptor it is\n%s\nand was\n%s", tc.name, again.Normalized(), s.Normalized())
		}
	}
}

func TestFilesThatDifferInOrderOnlyAreNormalizedToOne(t *testing.T) {
	a := parse(t, printed[3].text)
	b := parse(t, `syntax = "proto3"; option cc_enable_arenas = true; option java_package = "x"; package a.b;
import public "google/protobuf/any.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/timestamp.proto";
message M { reserved "x"; reserved 15, 20 to 22; reserved "y"; option deprecated = true; optional int32 o = 6; .a.b.E e = 7; map<string, M.N> m = 8; N n = 9;
 oneof y { bool bb = 1; int64 i = 2; } oneof z { N nn = 3; string s = 4; } repeated google.protobuf.Timestamp ts = 5 [deprecated = true, json_name = "tt"];
 message N { enum F { G = 0; } a.b.M.N.F f = 1; } enum H { I = 0; } }
enum E { option deprecated = true; reserved 5 to 7, 9; reserved "Q"; Z = 0; A = 1; B = 2 [deprecated = true]; }
service S { rpc Do (stream M) returns (.a.b.M.N); rpc Go (a.b.M) returns (stream M) { option deprecated = true; } }`)
	if a.Normalized() != b.Normalized() || a.Text() == b.Text() {
		t.Errorf("normalized are\n%s\nand\n%s", a.Normalized(), b.Normalized())
	}
}

func TestImportsAreReferencesOrKnownToAll(t *testing.T) {
	money := schema.Named{Name: "common/money.proto", Text: `syntax = "proto3"; package common; message Money { string currency = 1; int64 cents = 2; }`}
	s := parse(t, `syntax = "proto3"; import "common/money.proto"; import "google/protobuf/timestamp.proto"; import "confluent/meta.proto"; import "confluent/type/decimal.proto";
message Order { common.Money total = 1; google.protobuf.Timestamp at = 2; string email = 3 [(confluent.field_meta) = { tags: "PII" doc: "of the buyer" }]; confluent.type.Decimal d = 4; }`, money)
	if !strings.Contains(s.Text(), `string email = 3 [(confluent.field_meta) = {`) || !strings.Contains(s.Text(), `"PII"`) {
		t.Errorf("got %s", s.Text())
	}
	if again := parse(t, s.Text(), money); again.Text() != s.Text() {
		t.Errorf("printed again it is\n%s", again.Text())
	}
	for _, path := range []string{"common/other.proto", "/etc/passwd", "../x.proto", "google/type/money.proto"} {
		_, err := Language{}.Parse(schema.Source{Text: `syntax = "proto3"; import "` + path + `";`})
		if !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestADescriptorIsAFileToo(t *testing.T) {
	fd := &descriptorpb.FileDescriptorProto{Name: proto.String("whatever.proto"), Syntax: proto.String("proto3"), Package: proto.String("p"),
		Options: &descriptorpb.FileOptions{GoPackage: proto.String("x/y")},
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("A"), Field: []*descriptorpb.FieldDescriptorProto{
			{Name: proto.String("a_b"), JsonName: proto.String("aB"), Number: proto.Int32(1), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum()},
			{Name: proto.String("c"), JsonName: proto.String("x"), Number: proto.Int32(2), Label: descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), TypeName: proto.String(".p.A")},
		}}}}
	b, err := proto.Marshal(fd)
	if err != nil {
		t.Fatal(err)
	}
	s := parse(t, base64.StdEncoding.EncodeToString(b))
	want := "syntax = \"proto3\";\npackage p;\n\noption go_package = \"x/y\";\n\nmessage A {\n  string a_b = 1;\n  repeated .p.A c = 2 [json_name = \"x\"];\n}\n"
	if s.Text() != want {
		t.Errorf("got\n%s\nwant\n%s", s.Text(), want)
	}
	if err := check(t, s, nil, "0a0161"); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNoFileIsRefusedAndSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		`messag A {}`: "syntax error", `message A { int32 a = 1; }`: "label", `syntax = "proto3"; message A { B b = 1; }`: "unknown type B", `syntax = "proto3"; message A { int32 a = 1; int32 b = 1; }`: "same tag",
		`syntax = "proto3"; message A { int32 a = 0; }`: "tag number", `syntax = "proto3"; message A {} message A {}`: "already defined", `syntax = "proto4";`: "proto2", `syntax = "proto3"; enum E { A = 1; }`: "zero",
		`AAAA`: "syntax error",
	} {
		_, err := Language{}.Parse(schema.Source{Text: text, New: true})
		if !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

func TestBombsAreRefused(t *testing.T) {
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i, i+1)
		}
		return b.String()
	}
	for name, tc := range map[string]struct {
		text, want string
		refs       []schema.Named
	}{
		"depth":           {strings.Repeat(`message A { `, 30_000), "syntax error", nil},
		"depth that ends": {`syntax = "proto3"; ` + strings.Repeat(`message A { `, 5000) + strings.Repeat(`}`, 5000), "nesting", nil},
		"deep option":     {`syntax = "proto3"; option (x) = ` + strings.Repeat(`{ a: `, 50_000) + strings.Repeat(`}`, 50_000) + `;`, "", nil},
		"10 MB":           {`syntax = "proto3"; //` + strings.Repeat("x", 10<<20), "bytes", nil},
		"many fields":     {`syntax = "proto3"; message A {` + many(18_000, "int32 f%d = %d;") + `} message B {` + many(18_000, "int32 f%d = %d;") + `}`, "20000", nil},
		"itself":          {`syntax = "proto3"; import "schema.proto";`, "import", nil},
		"a circle": {`syntax = "proto3"; import "a.proto";`, "cycle", []schema.Named{
			{Name: "a.proto", Text: `syntax = "proto3"; import "b.proto";`}, {Name: "b.proto", Text: `syntax = "proto3"; import "a.proto";`}}},
	} {
		_, err := Language{}.Parse(schema.Source{Text: tc.text, Resolved: tc.refs, New: true})
		if !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 1000 {
			t.Errorf("%s: %.300v; want %q", name, err, tc.want)
		}
	}
}
