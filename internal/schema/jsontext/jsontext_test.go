package jsontext

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestATextIsWrittenAsItWasReadWithoutSpace(t *testing.T) {
	for text, want := range map[string]string{
		` { "b" : [ 1 , -0 , 2.50, 1E+3 ] , "a" : null } `: `{"b":[1,0,2.50,1E+3],"a":null}`,
		`"\u00e9\ud83d\ude00\/\b\f\n\r\t\u001f\"\\"`:       `"é😀/\b\f\n\r\t\u001F\"\\"`,
		"\"<&>\u2028é\"":           "\"<&>\u2028é\"",
		`[[],{},true,false]`:       `[[],{},true,false]`,
		`123456789012345678901234`: `123456789012345678901234`,
	} {
		v, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := string(Style{}.Append(nil, &v)); got != want {
			t.Errorf("%s is written as %s, want %s", text, got, want)
		}
	}
}

func TestSortedTextHasTheMembersOfAllObjectsInOrder(t *testing.T) {
	v, err := Parse(`{"b":{"d":1,"c":[{"z":1,"y":2}]},"a":0}`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(Style{Sorted: true}.Append(nil, &v)), `{"a":0,"b":{"c":[{"y":2,"z":1}],"d":1}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDoublesAreThoseOfJava(t *testing.T) {
	for text, want := range map[string]string{
		"1e3": "1000.0", "1.50": "1.5", "0.001": "0.001", "0.00099": "9.9E-4", "1e7": "1.0E7", "9999999.5": "9999999.5",
		"-0.0": "-0.0", "1e400": `"Infinity"`, "-1e400": `"-Infinity"`, "123456789.125": "1.23456789125E8", "NaN": `"NaN"`,
	} {
		if got := string(AppendDouble(nil, text)); got != want {
			t.Errorf("%s is written as %s, want %s", text, got, want)
		}
	}
}

func TestWhatIsNotJSONIsRefusedWithItsPlace(t *testing.T) {
	many := make([]string, 40)
	for i := range many {
		many[i] = fmt.Sprintf(`"m%d":0`, i)
	}
	for text, want := range map[string]string{
		``: "byte 0", `{`: "no name", `{"a" 1}`: "no :", `{"a":1 "b":2}`: "neither , nor }", `[1 2]`: "neither , nor ]",
		`[1,]`: "begins no value", `01`: "no number", `1.`: "no number", `1e`: "no number", `-`: "no number", `+1`: "begins no value",
		`"a`: "within a string", `"\x"`: "no escape", `"\ud800"`: "half a character", `"\udc00\ud800"`: "half a character",
		`"\u12g4"`: "four hexadecimal", "\"\x01\"": "control character", "\"a\\n\x01\"": "control character", "\"\xff\"": "not UTF-8",
		`1 2`: "after the end", `{"a":1,"\u0061":2}`: "given twice", `nul`: "begins no value", `"\`: "within a string",
		`{` + strings.Join(many, ",") + `,"m20":1}`: "given twice",
	} {
		_, err := Parse(text)
		if !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func TestBombsAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nested deeper": strings.Repeat("[", 3_000_000),
		"values":        "[" + strings.Repeat("0,", MaxValues) + "0]",
		"bytes":         strings.Repeat(" ", MaxBytes) + "1",
		"characters":    strings.Repeat("9", maxNumber+1),
	} {
		if _, err := Parse(text); !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParse: what is read is JSON for the standard library too; written, it is
// JSON, has the same meaning, and reads back as the same text.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,"\u00e9\ud83d\ude00"],"b":{"c":null}}`, `[true,-0]`, `"\u001f"`, `{"a":1,"a":2}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Parse(text)
		if err != nil {
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("%q is read, and is no JSON", text)
		}
		once := string(Style{}.Append(nil, &v))
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("%q was written as %q, which is not read: %v", text, once, err)
		}
		if twice := string(Style{}.Append(nil, &again)); twice != once {
			t.Fatalf("%q was written as %q, then as %q", text, once, twice)
		}
		var want, got any
		if json.Unmarshal([]byte(text), &want) == nil && json.Unmarshal([]byte(once), &got) == nil && fmt.Sprint(want) != fmt.Sprint(got) && !strings.Contains(text, "-0") {
			t.Fatalf("%q was written as %q", text, once)
		}
	})
}
