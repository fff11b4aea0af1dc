package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func read(t *testing.T, text string) []*Document {
	t.Helper()
	all, err := Read("app.yaml", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestDocumentsBecomeJSON(t *testing.T) {
	for _, test := range []struct{ name, yaml, json string }{
		{"kinds of values", "a: text\nb: 1\nc: 1.5\nd: true\ne:\nf: [1, {g: 2}]\n", `{"a":"text","b":1,"c":1.5,"d":true,"e":null,"f":[1,{"g":2}]}`},
		{"words that were booleans once", "a: off\nb: yes\nc: No\n", `{"a":"off","b":"yes","c":"No"}`},
		{"dates are texts", "a: 2026-11-22\n2026-11-22: b\n", `{"a":"2026-11-22","2026-11-22":"b"}`},
		{"order is kept", "z: 1\na: 2\n", `{"z":1,"a":2}`},
		{"the largest numbers", "a: 18446744073709551615\nb: -9223372036854775808\n", `{"a":18446744073709551615,"b":-9223372036854775808}`},
		{"hexadecimal and octal", "a: 0x10\nb: 0o10\n", `{"a":16,"b":8}`},
		{"blocks of text", "a: |\n  one\n  --- two\n", `{"a":"one\n--- two\n"}`},
		{"aliases", "a: &x {b: 1}\nc: *x\n", `{"a":{"b":1},"c":{"b":1}}`},
		{"JSON", `{"a": [1, "\u00e9"]}`, `{"a":[1,"é"]}`},
		{"a mark of order at the beginning", "\uFEFFa: 1\n", `{"a":1}`},
		{"lines that end as on Windows", "---\r\na: 1\r\n", `{"a":1}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := read(t, test.yaml)
			if len(all) != 1 || string(all[0].JSON) != test.json {
				t.Errorf("got %s", all[0].JSON)
			}
		})
	}
}

func TestDocumentsThatAreEmptyAreLeftOut(t *testing.T) {
	if all := read(t, "---\n# nothing\n---\n---\na: 1\n---\nnull\n---\nb: 2\n...\n"); len(all) != 2 {
		t.Errorf("%d documents", len(all))
	}
	if all := read(t, ""); len(all) != 0 {
		t.Errorf("%d documents in nothing", len(all))
	}
}

func TestAProblemStandsWhereItsValueDoes(t *testing.T) {
	all := read(t, "a: 1\n---\n# a comment\nb:\n  - c: 2\n    d/e: 3\n")
	for pointer, want := range map[string]string{
		"":               "app.yaml:4:1: x", // the first line of the document's value
		"/b":             "app.yaml:4:1: x",
		"/b/0":           "app.yaml:5:5: x",
		"/b/0/d~1e":      "app.yaml:6:5: x",
		"/b/0/not/there": "app.yaml:5:5: x",
	} {
		if got := all[1].Problem(pointer, "x").String(); got != want {
			t.Errorf("%q: got %s, want %s", pointer, got, want)
		}
	}
}

func TestWhatIsNotReadIsToldWithItsPlace(t *testing.T) {
	long := "a: " + strings.Repeat("x", mostDocument)
	for _, test := range []struct{ name, yaml, want string }{
		{"no YAML", "a: 1\n---\nb: 1\n  c: 2\n", "app.yaml:4:1: this is not YAML: mapping values are not allowed in this context"},
		{"a document without its line", "a: 1\n...\nb: 1\n", "app.yaml:1:1: more than one document stands here: begin each with a line ---"},
		{"a tab", "a:\n\tb: 1\n", "app.yaml:2:1: this is not YAML: found character that cannot start any token"},
		{"a key twice", "a: 1\nb: 2\na: 3\n", `app.yaml:3:1: the key "a" stands here a second time: it is in line 1, too`},
		{"a key that is a list", "? [a]\n: 1\n", "app.yaml:1:3: a key must be a text, and this is a list"},
		{"a merge key", "a: &x {b: 1}\nc:\n  <<: *x\n", "app.yaml:3:3: a key must be a text, and this is a merge key (<<): write the fields out"},
		{"a tag", "a: !secret x\n", "app.yaml:1:4: the tag !secret means nothing here: leave it out"},
		{"bytes", "a: !!binary aGVsbG8=\n", "app.yaml:1:4: the tag !!binary means nothing here: leave it out"},
		{"a huge number", "a: 99999999999999999999\n", ""}, // YAML makes it a float, as JSON's readers do
		{"no number", "a: .nan\n", "app.yaml:1:4: .nan is no number that JSON has: put it in quotes to make it a text"},
		{"not UTF-8", "a: 1\nb: \xff\n", "app.yaml:2:4: byte 0xff is not UTF-8"},
		{"a long document", "a: 1\n---\n" + long, fmt.Sprintf("app.yaml:2:1: the document has %d bytes, and at most %d are read", len(long)+4, mostDocument)},
		{"a second document is wrong, too", "a: .nan\n---\nb: .nan\n", "app.yaml:1:4: .nan is no number that JSON has: put it in quotes to make it a text\n" +
			"app.yaml:3:4: .nan is no number that JSON has: put it in quotes to make it a text"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Read("app.yaml", strings.NewReader(test.yaml))
			switch {
			case err == nil && test.want == "":
			case err == nil || err.Error() != test.want:
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// A few lines whose aliases name a billion values cost no more than their limit.
func TestABombOfAliasesIsRefused(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	_, err := Read("app.yaml", strings.NewReader(bomb))
	if problems := (Problems)(nil); !errors.As(err, &problems) || len(problems) != 1 || !strings.Contains(err.Error(), "aliases make more than 10000 values") {
		t.Fatalf("got %v", err)
	}
	if _, err := Read("app.yaml", strings.NewReader("a: &a\n  b: *a\n")); err == nil {
		t.Error("a value that holds itself was read")
	}
}

func TestAFileHasLimits(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a million lines in one document", strings.Repeat("- x\n", 1_000_000), "app.yaml:1:1: the document has 4000000 bytes, and at most 1048576 are read"},
		{"documents", strings.Repeat("---\na: 1\n", mostDocuments+1), "app.yaml: the file has 10001 documents, and at most 10000 are read: make several files of it"},
		{"bytes", strings.Repeat("# much\n", mostBytes/7+1), "app.yaml: the file has more than 16 MiB: make several files of it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Read("app.yaml", strings.NewReader(test.text)); err == nil || err.Error() != test.want {
				t.Errorf("got %.200v", err)
			}
		})
	}
}

func TestDepthHasALimit(t *testing.T) {
	if _, err := Read("app.yaml", strings.NewReader(strings.Repeat("[", mostDepth+2)+strings.Repeat("]", mostDepth+2))); err == nil {
		t.Error("no error")
	}
}

func TestAnErrorTellsOfAHundredProblems(t *testing.T) {
	_, err := Read("app.yaml", strings.NewReader(strings.Repeat("- .nan\n", 250)))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 101 || lines[100] != "and 150 more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

// Whatever is given is refused with an error, or is JSON that says the same as the
// YAML library reads, and every place that is told lies within the file.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"a: 1\n", "---\na: [1, 2]\n---\nb: {c: d}\n", "a: &x 1\nb: *x\n", "? a\n: b\n", "a: |\n  x\n", "\"a\": 1e3"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := Read("f", strings.NewReader(string(text)))
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("%T: %v", err, err)
			}
			for _, p := range problems {
				if p.Line < 1 || p.Line > lines(string(text)) {
					t.Fatalf("line %d of %q", p.Line, text)
				}
			}
			return
		}
		for _, d := range all {
			if !json.Valid(d.JSON) {
				t.Fatalf("%q is not JSON", d.JSON)
			}
		}
	})
}

// lines is how many lines a text can be said to have: YAML knows more ends of one
// than other formats.
func lines(text string) int {
	return 2 + strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u0085") +
		strings.Count(text, "\u2028") + strings.Count(text, "\u2029")
}

func TestJSONSaysWhatTheYAMLSays(t *testing.T) {
	const text = "a: {b: [1, -2, 3.25, x, 'y', \"z\", true, null]}\nc: >\n  folded\n  text\n"
	var want, got any
	if err := yaml.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(read(t, text)[0].JSON, &got); err != nil { // JSON is YAML, too
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
