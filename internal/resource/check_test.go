package resource

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestWhatIsWrongWithADeclarationIsToldAtOnceAndByPlace(t *testing.T) {
	kinds := things(t)
	long := `{"spec":{"shape":"` + strings.Repeat("x", mostSpec) + `"}}`
	const ok = `"apiVersion":"evident/v1","kind":"Thing","metadata":{"name":"a"}`
	for _, test := range []struct{ name, text, want string }{
		{"nothing wrong", `{` + ok + `,"spec":{"size":1}}`, ""},
		{"not an object", `[]`, ": a declaration is an object with apiVersion, kind, metadata and spec"},
		{"empty", `{}`, `: the field "apiVersion" is missing
: the field "kind" is missing
: the field "metadata" is missing`},
		{"a kind that is misspelt", `{"apiVersion":"evident/v1","kind":"thing","metadata":{"name":"a"},"spec":{}}`, `/kind: unknown kind "thing": did you mean "Thing"?`},
		{"another version", `{"apiVersion":"v1","kind":"Thing","metadata":{"name":"a"},"spec":{"size":1}}`, `/apiVersion: apiVersion is "v1", and this node knows "evident/v1"`},
		{"a field that is misspelt", `{` + ok + `,"spec":{"sice":1,"inner":{"dep":true}}}`, `/spec: the field "size" is missing in spec
/spec/inner/dep: unknown field "dep": did you mean "deep"?
/spec/sice: unknown field "sice": did you mean "size"?`},
		{"a field at the top", `{` + ok + `,"specs":{},"spec":{"size":1}}`, `/specs: unknown field "specs": did you mean "spec"?`},
		{"types", `{` + ok + `,"spec":{"size":"1","shape":true,"parts":{}}}`, `/spec/parts: parts is {}, and must be a list
/spec/shape: shape is true, and must be a text
/spec/size: size is "1", and must be a whole number`},
		{"bounds", `{` + ok + `,"spec":{"size":0,"color":"blue","shape":"A"}}`, `/spec/color: color is "blue", and must be one of "red", "green"
/spec/shape: shape is "A", and does not match ^[a-z]+$
/spec/size: size is 0, and must be at least 1`},
		{"a name", `{"apiVersion":"evident/v1","kind":"Thing","metadata":{"name":"-a/b"},"spec":{"size":1}}`, `/metadata/name: the name "-a/b" may have letters, digits, '.', '_' and '-' only, and '.' and '-' not at its ends`},
		{"labels", `{"apiVersion":"evident/v1","kind":"Thing","metadata":{"name":"a","labels":{"a b":"c","d":1}},"spec":{"size":1}}`, `/metadata/labels/a b: "a b" may have letters, digits, '.', '_', '-' and '/' only, and at most 249 of them
/metadata/labels/d: "d" is 1, and must be a text: put it in quotes`},
		{"too long", long, fmt.Sprintf(": the declaration has %d bytes, and at most 524288 are taken", len(long))},
		{"nothing for a spec", `{` + ok + `,"spec":null}`, "/spec: spec is null, and must be an object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, faults := kinds.Parse(json.RawMessage(test.text))
			var got []string
			for _, f := range faults {
				got = append(got, f.Pointer+": "+f.Text)
			}
			if strings.Join(got, "\n") != test.want || (r == nil) != (test.want != "") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), test.want)
			}
		})
	}
}

// Equal resources have equal bytes, whatever the order in which they were written.
func TestTheCanonicalFormIsOne(t *testing.T) {
	kinds := things(t)
	a, _ := kinds.Parse(json.RawMessage(`{"apiVersion":"evident/v1","kind":"Thing","metadata":{"labels":{"y":"<1>","x":"2"},"name":"a"},"spec":{"size":1,"inner":{"deep":true},"color":"red"}}`))
	b, _ := kinds.Parse(json.RawMessage(` {"spec":{"color":"red","inner":{ "deep":true},"size":1},"metadata":{"name":"a","labels":{"x":"2","y":"<1>"}},"kind":"Thing","apiVersion":"evident/v1"}`))
	x, err := a.canonical()
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.canonical()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"apiVersion":"evident/v1","kind":"Thing","metadata":{"name":"a","labels":{"x":"2","y":"<1>"}},"spec":{"color":"red","inner":{"deep":true},"size":1}}`
	if string(x) != want || string(y) != want {
		t.Errorf("got\n%s\n%s", x, y)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"evident/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"size":1}}`))
	f.Add([]byte(`{"metadata":{"labels":{"~/":1}},"spec":{"inner":{"x":{}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, faults := things(t).Parse(text)
		if (r == nil) == (len(faults) == 0) {
			t.Fatalf("%v with %d faults", r, len(faults))
		}
		if r == nil {
			return
		}
		canonical, err := r.canonical()
		if err != nil {
			t.Fatal(err)
		}
		again, faults := things(t).Parse(canonical)
		if len(faults) > 0 {
			t.Fatalf("%s: %v", canonical, faults)
		}
		if twice, err := again.canonical(); err != nil || string(twice) != string(canonical) {
			t.Fatalf("%s became %s: %v", canonical, twice, err)
		}
	})
}
