package jsonschema

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/schema"
)

func parse(t testing.TB, text string, refs ...schema.Named) *Schema {
	t.Helper()
	s, err := Language{}.Parse(schema.Source{Text: text, Resolved: refs, New: true})
	if err != nil {
		t.Fatalf("%s: %v", short(text), err)
	}
	return s.(*Schema)
}

func check(t testing.TB, s *Schema, payload string) error {
	t.Helper()
	v, err := s.Validator()
	if err != nil {
		t.Fatal(err)
	}
	return v.Validate(nil, []byte(payload))
}

func TestTextsKeepTheAuthorsOrderAndNormalizedOnesDoNot(t *testing.T) {
	s := parse(t, ` { "type" : "object", "$schema": "http://json-schema.org/draft-07/schema#", "properties": { "b": { "multipleOf": 0.10 }, "a": true } } `)
	if want := `{"type":"object","$schema":"http://json-schema.org/draft-07/schema#","properties":{"b":{"multipleOf":0.10},"a":true}}`; s.Text() != want {
		t.Errorf("text %s", s.Text())
	}
	if want := `{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":true,"b":{"multipleOf":0.10}},"type":"object"}`; s.Normalized() != want {
		t.Errorf("normalized %s", s.Normalized())
	}
	if again := parse(t, s.Normalized()); again.Text() != s.Normalized() || again.Normalized() != s.Normalized() {
		t.Errorf("normalized again %s", again.Normalized())
	}
}

func TestEachDraftIsHeldToItsOwnRules(t *testing.T) {
	for draft, keywords := range map[string]string{
		"http://json-schema.org/draft-04/schema#":      `"maximum":5,"exclusiveMaximum":true`,
		"http://json-schema.org/draft-06/schema#":      `"exclusiveMaximum":5`,
		"http://json-schema.org/draft-07/schema":       `"if":{"minimum":5},"then":false`,
		"https://json-schema.org/draft/2019-09/schema": `"$ref":"#/$defs/m","$defs":{"m":{"exclusiveMaximum":5}}`,
		"https://json-schema.org/draft/2020-12/schema": `"$ref":"#m","$defs":{"m":{"$anchor":"m","exclusiveMaximum":5}}`,
		"http://example.com/unheard-of":                `"exclusiveMaximum":5`,
	} {
		s := parse(t, `{"$schema":"`+draft+`",`+keywords+`}`)
		if err := check(t, s, "4"); err != nil {
			t.Errorf("%s: 4: %v", draft, err)
		}
		if err := check(t, s, "5"); !errors.Is(err, schema.ErrMismatch) {
			t.Errorf("%s: 5: %v", draft, err)
		}
	}
}

func TestReferencesAreFoundUnderTheirNamesAndNowhereElse(t *testing.T) {
	address := `{"type":"object","properties":{"zip":{"$ref":"zip.json"}},"required":["zip"]}`
	zip := `{"type":"string","pattern":"^[0-9]{5}$"}`
	for name, tc := range map[string]struct {
		text string
		refs []schema.Named
	}{
		"relative": {`{"properties":{"to":{"$ref":"address.json"}}}`, []schema.Named{{Name: "zip.json", Text: zip}, {Name: "address.json", Text: address}}},
		"absolute": {`{"$id":"https://example.com/order.json","properties":{"to":{"$ref":"address.json"}}}`,
			[]schema.Named{{Name: "https://example.com/zip.json", Text: zip}, {Name: "https://example.com/address.json", Text: address}}},
		"by an id": {`{"$id":"https://example.com/order.json","properties":{"to":{"$ref":"address.json"}}}`, []schema.Named{{Name: "zip.json", Text: zip}, {Name: "address.json", Text: address}}},
		"a part":   {`{"properties":{"to":{"$ref":"all.json#/definitions/address"}}}`, []schema.Named{{Name: "zip.json", Text: zip}, {Name: "all.json", Text: `{"definitions":{"address":` + address + `}}`}}},
	} {
		s := parse(t, tc.text, tc.refs...)
		if err := check(t, s, `{"to":{"zip":"12345"}}`); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := check(t, s, `{"to":{"zip":"1234"}}`); !errors.Is(err, schema.ErrMismatch) {
			t.Errorf("%s: a bad zip: %v", name, err)
		}
	}
	for _, uri := range []string{"other.json", "http://localhost/x", "file:///etc/passwd", "https://json-schema.org/unheard-of"} {
		_, err := Language{}.Parse(schema.Source{Text: `{"$ref":"` + uri + `"}`})
		if !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), "not among the references") {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

func TestWhatIsNoSchemaIsRefusedAndSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		``: "ends where", `[]`: "not array", `"x"`: "not string", `{"type":"strin"}`: "type", `{"minLength":-1}`: "minLength", `{"required":"a"}`: "required",
		`{"properties":{"a":7}}`: "properties", `{"$ref":"#/definitions/none"}`: "none", `{"a":1,"a":2}`: "given twice",
	} {
		_, err := Language{}.Parse(schema.Source{Text: text, New: true})
		if !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

func TestPatternsAreThoseOfECMAOrNotMatchedAtAll(t *testing.T) {
	s := parse(t, `{"type":"string","pattern":"^\\u00e9\\cJ\\/\\d$"}`)
	if err := check(t, s, `"é\n/7"`); err != nil {
		t.Error(err)
	}
	for _, pattern := range []string{`(?=a)b`, `(a)\\1`, `((a{100}){100}){100}`, strings.Repeat("a", maxPattern+1), `((a{30}){30}){30}`} {
		s := parse(t, `{"type":"string","pattern":"`+pattern+`"}`)
		if _, err := s.Validator(); !errors.Is(err, schema.ErrInvalid) || len(err.Error()) > 1000 {
			t.Errorf("%.30s: %v", pattern, err)
		}
		if found := s.Reads(s, schema.Strict); len(found) != 0 {
			t.Errorf("%.30s does not read itself: %v", pattern, found)
		}
	}
	if err := check(t, parse(t, `{"pattern":"^(a+)+$"}`), `"`+strings.Repeat("a", 100_000)+`b"`); !errors.Is(err, schema.ErrMismatch) {
		t.Errorf("backtracking: %v", err)
	}
}

func TestBombsAreRefused(t *testing.T) {
	doubling := func(levels int, format string) string {
		var b strings.Builder
		for i := range levels {
			fmt.Fprintf(&b, format, i, i+1)
		}
		return `{"$ref":"#/definitions/d0","definitions":{` + b.String() + fmt.Sprintf(`"d%d":{"type":"string"}}}`, levels)
	}
	many := make([]string, 100_000)
	for i := range many {
		many[i] = fmt.Sprintf(`"p%d":{}`, i)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"depth":           {strings.Repeat(`{"not":`, 500_000), "nested deeper"},
		"10 MB":           {`{"title":"` + strings.Repeat("x", 10<<20) + `"}`, "bytes"},
		"many properties": {`{"properties":{` + strings.Join(many, ",") + `}}`, "20000"},
		"a circle":        {`{"$ref":"#"}`, "circle"},
		"a longer circle": {`{"definitions":{"a":{"allOf":[{"$ref":"#/definitions/b"}]},"b":{"anyOf":[true,{"$ref":"#/definitions/a"}]}},"$ref":"#/definitions/a"}`, "circle"},
		"doubling":        {doubling(60, `"d%d":{"allOf":[{"$ref":"#/definitions/d%[2]d"},{"$ref":"#/definitions/d%[2]d"}]},`), "10000"},
		"a huge number":   {`{"maximum":1e1000000000}`, "double"},
	} {
		_, err := Language{}.Parse(schema.Source{Text: tc.text, New: true})
		if !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 1500 {
			t.Errorf("%s: %.300v; want %q", name, err, tc.want)
		}
	}
}

func TestPayloadsThatAreBombsAreRefused(t *testing.T) {
	doubling := parse(t, `{"properties":{"a":{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}},"required":["b"]}`)
	plain := parse(t, `{}`)
	for name, tc := range map[string]struct {
		s       *Schema
		payload string
	}{
		"depth":         {plain, strings.Repeat("[", 1_000_000)},
		"a huge number": {parse(t, `{"type":"integer","multipleOf":7}`), "1e1000000000"},
		"half a text":   {plain, `{"a":`}, "two texts": {plain, "1 2"}, "no UTF-8": {plain, "\"\xff\""}, "a member twice": {plain, `{"a":1,"a":2}`},
		"doubling": {doubling, strings.Repeat(`{"a":`, 100) + "{}" + strings.Repeat("}", 100)},
	} {
		if err := check(t, tc.s, tc.payload); !errors.Is(err, schema.ErrMismatch) || len(err.Error()) > 1500 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAMismatchSaysWhereAndWhy(t *testing.T) {
	s := parse(t, `{"type":"object","properties":{"lines":{"items":{"properties":{"a/b":{"type":"integer","minimum":1}}}}}}`)
	err := check(t, s, `{"lines":[{"a/b":1},{"a/b":0}]}`)
	var m *schema.Mismatch
	if !errors.As(err, &m) || m.Path != "/lines/1/a~1b" || m.Reason != "0, where it must be at least 1" {
		t.Errorf("got %v", err)
	}
}
