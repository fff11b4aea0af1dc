package record

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/evidentlog/evident/internal/schema"
)

// The bytes are those of Confluent's registry: compaction goes by them.
func TestKeysHaveTheBytesOfConfluents(t *testing.T) {
	for want, k := range map[string]Key{
		`{"keytype":"SCHEMA","subject":"orders-value","version":3,"magic":1}`: {Type: Schema, Subject: "orders-value", Version: 3},
		`{"keytype":"SCHEMA","subject":":.eu:a&b","version":1,"magic":1}`:     {Type: Schema, Subject: ":.eu:a&b", Version: 1},
		`{"keytype":"CONFIG","magic":0}`:                                      {Type: Config},
		`{"keytype":"CONFIG","subject":"s","magic":0}`:                        {Type: Config, Subject: "s"},
		`{"keytype":"MODE","subject":"s","magic":0}`:                          {Type: Mode, Subject: "s"},
		`{"keytype":"CONTEXT","tenant":"default","context":".eu","magic":0}`:  {Type: Context, Context: ".eu"},
		`{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}`:                {Type: DeleteSubject, Subject: "s"},
		`{"keytype":"CLEAR_SUBJECT","subject":"s","magic":0}`:                 {Type: ClearSubject, Subject: "s"},
		`{"keytype":"NOOP","magic":0}`:                                        {Type: Noop},
		`{"keytype":"NOOP","magic":0,"maxIdOf":"."}`:                          {Type: Noop, Context: "."},
	} {
		if got := k.String(); got != want {
			t.Errorf("%+v is %s, want %s", k, got, want)
		}
		if got, err := ParseKey([]byte(want)); got != k || err != nil {
			t.Errorf("%s is %+v, %v", want, got, err)
		}
	}
}

func TestKeysAreReadInOtherFormsToo(t *testing.T) {
	for text, want := range map[string]Key{
		`{"magic":0,"subject":"s","version":3,"keytype":"SCHEMA"}`:     {Type: Schema, Subject: "s", Version: 3},
		`{"keytype":"CONFIG","subject":null,"magic":0}`:                {Type: Config},
		`{"keytype":"MODE","subject":"s","magic":0,"later":{"a":[1]}}`: {Type: Mode, Subject: "s"},
		`{"keytype":"NOOP","subject":"s","version":7,"magic":0}`:       {Type: Noop},
	} {
		if got, err := ParseKey([]byte(text)); got != want || err != nil {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
	}
}

// What a later version may bring is told from what is damaged by nobody: both are
// passed over.
func TestWhatIsNotKnownIsForeign(t *testing.T) {
	const key = `{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}`
	for _, r := range [][2]string{
		{``, `{}`}, {`x`, `{}`}, {`[]`, `{}`}, {`{}`, `{}`},
		{`{"keytype":"ASSOC","magic":0}`, `{}`},
		{`{"keytype":"SCHEMA","subject":"s","version":1,"magic":2}`, `{}`},
		{`{"keytype":"CONFIG","subject":"s","magic":1}`, `{}`},
		{`{"keytype":"SCHEMA","subject":"s","version":0,"magic":1}`, `{}`},
		{`{"keytype":"SCHEMA","subject":"s","version":"1","magic":1}`, `{}`},
		{`{"keytype":"CONTEXT","tenant":"lsrc-1","context":".eu","magic":0}`, `{}`},
		{key, ``}, {key, `{`}, {key, `[]`},
		{key, `{"subject":"t","version":1,"id":1,"schema":"a"}`},
		{key, `{"subject":"s","version":2,"id":1,"schema":"a"}`},
		{key, `{"subject":"s","version":1,"id":-1,"schema":"a"}`},
		{key, `{"subject":"s","version":1,"id":1,"schema":"a","md5":"AAAA"}`},
	} {
		if got, err := Parse([]byte(r[0]), []byte(r[1])); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %s is %+v, %v", r[0], r[1], got, err)
		}
	}
}

func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	yes := true
	for _, r := range []Record{
		{Key{Type: Schema, Subject: "s", Version: 1}, &SchemaValue{
			Subject: "s", Version: 1, ID: 7, Type: schema.Protobuf, References: []schema.Reference{{Name: "a", Subject: "b", Version: -1}},
			Metadata: &Metadata{Tags: map[string][]string{"a": {"PII"}}, Properties: map[string]string{"o": "m"}, Sensitive: []string{"o"}},
			RuleSet:  &RuleSet{DomainRules: []Rule{{Name: "r", Type: "CEL", Params: map[string]string{"a": "b"}, Disabled: true}}, EnableAt: "CLIENT"},
			Text:     `<&>"`, Deleted: true,
		}},
		{Key{Type: Schema, Subject: "s", Version: 1}, nil},
		{Key{Type: Config, Subject: "s"}, &ConfigValue{"s", Settings{CompatibilityLevel: "FULL", Normalize: &yes}}},
		{Key{Type: Mode}, &ModeValue{Mode: "IMPORT"}},
		{Key{Type: Context, Context: ".eu"}, InContext(".eu")},
		{Key{Type: DeleteSubject, Subject: "s"}, &SubjectValue{"s", 4}},
		{Key{Type: Noop}, nil},
		{Key{Type: Noop, Context: "."}, &MaxID{9}},
	} {
		got, err := Parse(r.Key.Bytes(), r.Bytes())
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: %s was read as %+v, %v", r.Key, r.Bytes(), got, err)
		}
	}
	const want = `{"subject":"s","version":1,"id":7,"schemaType":"AVRO","schema":"\"int\"","deleted":false}`
	v := &SchemaValue{Subject: "s", Version: 1, ID: 7, Type: schema.Avro, Text: `"int"`}
	if got := string(v.bytes()); got != want {
		t.Errorf("a schema is written as %s, want %s", got, want)
	}
}

// The sums were made with md5sum of the bytes that the format's page says.
func TestGUIDsAreThoseOfConfluents(t *testing.T) {
	refs := []schema.Reference{{Name: "n", Subject: "s", Version: 258}}
	m := &Metadata{Tags: map[string][]string{"t2": {"b", "a"}, "t1": {"c"}}, Properties: map[string]string{"p": "q"}, Sensitive: []string{"p"}}
	rules := &RuleSet{MigrationRules: []Rule{{Name: "r", Kind: "TRANSFORM", Mode: "UPGRADE", Type: "JSONATA", Expr: "e", Disabled: true}}}
	for want, got := range map[string]GUID{
		"fa7153f7-ed1c-b6c0-fcf2-ffb2fac21748": Sum("int", nil, nil, nil),
		"3bc132c9-9ef7-2e85-ab40-1b72f716c7c2": Sum("int", refs, nil, nil),
		"1e56ae3b-1d4b-9329-cd2f-20c8d61de5e1": Sum("int", []schema.Reference{{Name: "n", Subject: "s", Version: -1}}, nil, nil),
		"aeac7ac8-dce9-89ab-dc5c-cdff41f986ce": Sum("int", nil, m, nil),
		"1bffb114-1fa4-e7e2-81f1-18ac49ce9a4e": Sum("int", nil, nil, rules),
		"815852a0-3e96-f1ee-d023-5c7eb862c024": Sum("int", nil, &Metadata{}, nil),
	} {
		if got.String() != want {
			t.Errorf("got %v, want %s", got, want)
		}
		if parsed, ok := ParseGUID(want); !ok || parsed != got {
			t.Errorf("%s is read as %v, %v", want, parsed, ok)
		}
	}
	if v := (&SchemaValue{MD5: "AAAAAAAAAAAAAAAAAAAAAQ==", Text: "int"}); v.GUID().String() != "00000000-0000-0000-0000-000000000001" {
		t.Errorf("a guid that is said is %v", v.GUID())
	}
}

// FuzzParse: nothing that is read breaks the reader, and what it takes it writes so that
// it reads the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}`), []byte(`{"subject":"s","version":1,"id":1,"schema":"a"}`))
	f.Add([]byte(`{"keytype":"CONFIG","magic":0}`), []byte(`{"compatibilityLevel":"FULL"}`))
	f.Add([]byte(`{"keytype":"NOOP","magic":0,"maxIdOf":"."}`), []byte(`{"maxId":1}`))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		r, err := Parse(key, value)
		if err != nil {
			return
		}
		again, err := Parse(r.Key.Bytes(), r.Bytes())
		if err != nil || again.Key != r.Key || !bytes.Equal(again.Bytes(), r.Bytes()) {
			t.Fatalf("%s: %s was read as %+v, then as %+v, %v", key, value, r, again, err)
		}
	})
}
