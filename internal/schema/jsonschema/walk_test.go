package jsonschema

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/evidentlog/evident/internal/schema"
)

// orderSchema is that of an order, with the keywords that most schemas have.
const orderSchema = `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","required":["id","customer","lines","total"],"additionalProperties":false,
"properties":{"id":{"type":"string","pattern":"^[0-9a-f-]{36}$"},"customer":{"type":"object","required":["name"],"properties":{"name":{"type":"string","minLength":1,"maxLength":80},"email":{"type":["string","null"]}}},
"status":{"enum":["NEW","PAID","SENT",null]},"lines":{"type":"array","minItems":1,"maxItems":100,"items":{"$ref":"#/definitions/line"}},"total":{"type":"number","minimum":0},"gift":{"type":"boolean"},"at":{"type":"string","format":"date-time"}},
"definitions":{"line":{"type":"object","required":["sku","count"],"properties":{"sku":{"type":"string"},"count":{"type":"integer","minimum":1,"maximum":1000},"price":{"type":"number","exclusiveMinimum":0},"parts":{"type":"array","items":{"$ref":"#/definitions/line"}}}}}}`

// order is an order of about 500 bytes.
const order = `{"id":"0190163d-8694-739b-aea5-966c26f8ad91","customer":{"name":"Grace Brewster Murray Hopper","email":"grace@example.com"},"status":"PAID","at":"2026-11-22T09:42:00Z",
"lines":[{"sku":"SKU-0001","count":3,"price":19.95},{"sku":"SKU-0002","count":1,"price":5.00},{"sku":"SKU-0003","count":12,"price":0.5,"parts":[{"sku":"SKU-0003-a","count":6},{"sku":"SKU-0003-b","count":6}]},{"sku":"SKU-0004","count":2,"price":149.9},{"sku":"SKU-0005","count":7,"price":3.2}],"total":420.15,"gift":false}`

func TestAnOrderIsCheckedByItsPlan(t *testing.T) {
	s := parse(t, orderSchema)
	if v, err := s.Validator(); err != nil {
		t.Fatal(err)
	} else if _, ok := v.(planned); !ok {
		t.Errorf("it has no plan, but %T", v)
	}
	if err := check(t, s, order); err != nil || len(order) < 450 || len(order) > 550 {
		t.Errorf("%d bytes: %v", len(order), err)
	}
	for _, tc := range []struct{ old, new, want string }{
		{`"id":"0190163d`, `"id":"0190163x`, "at /id"}, {`"gift":false`, `"gift":0`, "at /gift: an integer, where a boolean"}, {`"gift":false`, `"gift":false,"x":1`, `"x" is not allowed`},
		{`"count":3`, `"count":3.5`, "at /lines/0/count"}, {`"count":3`, `"count":1001`, "at /lines/0/count: 1001, where it must be at most 1000"}, {`"count":6}`, `"count":0}`, "at /lines/2/parts/0/count"},
		{`"PAID"`, `"paid"`, "at /status"}, {`"total":420.15,`, ``, `"total" is missing`}, {`"total":420.15`, `"total":-0.001`, "at /total"}, {`"price":5.00`, `"price":0.0`, "at /lines/1/price"},
		{`2026-11-22T`, `2026-11-32T`, "at /at"}, {`"sku":"SKU-0002"`, `"sku":"SKU-0002","sku":""`, "given twice"}, {`Grace Brewster Murray Hopper`, ``, "at /customer/name"},
	} {
		bad := strings.Replace(order, tc.old, tc.new, 1)
		if err := check(t, s, bad); !errors.Is(err, schema.ErrMismatch) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want %q", tc.new, err, tc.want)
		}
	}
}

// walked are schemas that have plans, in several drafts.
var walked = []string{
	orderSchema, `{}`, `{"type":"integer"}`, `{"$schema":"http://json-schema.org/draft-04/schema#","type":"integer","maximum":10,"exclusiveMaximum":true}`,
	`{"type":["integer","null","array"],"items":{"type":"number","minimum":0.1,"maximum":9007199254740993}}`, `{"properties":{"a":{"$ref":"#"},"b":{"const":"x"}},"required":["b"],"maxProperties":3}`,
	`{"$schema":"https://json-schema.org/draft/2020-12/schema","additionalProperties":{"type":"string","minLength":2,"pattern":"^é"},"minProperties":1}`,
	`{"enum":[true,null,"a"]}`, `{"required":["a","b"],"properties":{"a":true}}`, `{"items":{"maxLength":1},"minItems":2}`, `{"type":"array","format":"date"}`,
}

// FuzzWalk: a plan and the library say the same of each payload.
func FuzzWalk(f *testing.F) {
	var fast, full []schema.Validator
	for i, text := range walked {
		s := parse(f, text)
		p, ok := planOf(s.root)
		if !ok {
			f.Fatalf("%s has no plan", text)
		}
		fast, full = append(fast, planned{p}), append(full, newFull(s.root))
		for _, payload := range []string{order, `5`, `5.0`, `-0`, `1e400`, `0e1000`, `1e401`, `10`, `{"a":{"b":"x"},"b":"x"}`, `{"c":"\u00e9x","d":"é"}`, `["a","\u00e9","ab"]`, `[null,0.1000000000000000055,9007199254740993.5]`, `{"\u0061":1,"a":2}`, `nul`, `"a`, `[1,]`, ` null `} {
			f.Add(uint8(i), payload)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, payload string) {
		i := int(which) % len(fast)
		a, b := fast[i].Validate(nil, []byte(payload)), full[i].Validate(nil, []byte(payload))
		if (a == nil) != (b == nil) {
			t.Fatalf("%s of %q: %v by its plan, %v by the library", payload, short(walked[i]), a, b)
		}
	})
}

func TestDoublesOfFewCharactersAreThoseOfTheStandardLibrary(t *testing.T) {
	for _, text := range []string{"0", "-0", "1", "-1.5", "0.1", "123456789012345", "0.0000000000001", "-99999999999.99", "1e300", "1E-5", "2.5e3", "1e400"} {
		want, _ := strconv.ParseFloat(text, 64)
		if got := double([]byte(text)); got != want {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
}

func TestTimesThatArePlainAreTimesForTheLibraryToo(t *testing.T) {
	v := newFull(parse(t, `{"format":"date-time"}`).root)
	for _, text := range []string{"2026-11-22T09:42:00Z", "2026-02-28T23:59:59.123456789Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01t00:00:00z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+01:00", "2026-01-01 00:00:00Z", "2026-1-01T00:00:00ZZ", ""} {
		if err := v.Validate(nil, []byte(strconv.Quote(text))); plainTime([]byte(text)) && err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if !plainTime([]byte("2026-11-22T09:42:00.5Z")) || plainTime([]byte("2026-11-31T09:42:00Z")) {
		t.Error("plain times are not told from others")
	}
}

func TestFixedPatternsMatchAsTheirRegularExpressionsDo(t *testing.T) {
	for pattern, is := range map[string]bool{`^[0-9a-f]{3}-x\\d$`: true, `^abc$`: true, `^[a-c]$`: true, `^a+$`: false, `abc`: false, `^é$`: false, `^(?i)ab$`: false, `^[^a]$`: false, `^a|b$`: false, `^$`: false} {
		pattern = strings.ReplaceAll(pattern, `\\`, `\`)
		f := fixedOf(pattern)
		if (f != nil) != is {
			t.Errorf("%s: %v", pattern, f != nil)
		}
		re := regexp.MustCompile(pattern)
		for _, s := range []string{"", "abc", "a", "b", "09f-x7", "09g-x7", "09f-x7x", "é", "aé-x7", "ABC"} {
			if f != nil && f.match([]byte(s)) != re.MatchString(s) {
				t.Errorf("%s and %q", pattern, s)
			}
		}
	}
}

func TestSchemasWithOtherKeywordsHaveNoPlan(t *testing.T) {
	for _, text := range []string{`{"not":{}}`, `{"allOf":[{}]}`, `{"enum":[1]}`, `{"const":{}}`, `{"uniqueItems":true}`, `{"items":[{}]}`, `{"patternProperties":{"a":{}}}`, `{"multipleOf":2}`,
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","$ref":"#/$defs/a","type":"string","$defs":{"a":{}}}`, `{"properties":{"a":{"if":{}, "then":false}}}`, `{"properties":{"a":false}}`} {
		if _, ok := planOf(parse(t, text).root); ok {
			t.Errorf("%s has a plan", text)
		}
	}
	many := make([]string, 65)
	for i := range many {
		many[i] = fmt.Sprintf(`"p%d":{}`, i)
	}
	if _, ok := planOf(parse(t, `{"properties":{`+strings.Join(many, ",")+`}}`).root); ok {
		t.Error("65 properties have a plan")
	}
}

func BenchmarkValidate(b *testing.B) {
	s := parse(b, orderSchema)
	v, err := s.Validator()
	if err != nil {
		b.Fatal(err)
	}
	for name, v := range map[string]schema.Validator{"plan": v, "library": newFull(s.root)} {
		b.Run(name, func(b *testing.B) {
			payload := []byte(order)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if err := v.Validate(nil, payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
