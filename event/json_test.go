package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const head = `{"specversion":"1.0","id":"1","source":"/s","type":"t"`

// What the specification says of data in JSON, sentence by sentence.
func TestDataInJSON(t *testing.T) {
	for members, want := range map[string]struct{ contentType, data string }{
		``:                      {"", "-"},
		`"data":null`:           {"application/json", "null"},
		`"data":"I'm \"me\""`:   {"application/json", `"I'm \"me\""`},
		`"data":1.5`:            {"application/json", "1.5"},
		`"data" : { "a" : 1 } `: {"application/json", `{ "a" : 1 }`},
		`"datacontenttype":"application/x+json","data":"{}"`:         {"application/x+json", `"{}"`},
		`"datacontenttype":"application/xml","data":"<a b=\"\"/>"`:   {"application/xml", `<a b=""/>`},
		`"data":"\u20ac\ud83d\ude00","datacontenttype":"text/plain"`: {"text/plain", "€😀"},
		`"data_base64":"eyAieHl6IjogMTIzIH0="`:                       {"", `{ "xyz": 123 }`},
		`"data_base64":""`:                                           {"", ""},
		`"data_base64":null`:                                         {"", "-"},
		`"data_base64":"\u0065yAieHl6IjogMTIzIH0="`:                  {"", `{ "xyz": 123 }`},
		`"datacontenttype":"application/json","data_base64":"eyA="`:  {"application/json", "{ "},
		`"datacontenttype":"application/json"`:                       {"application/json", "-"},
		`"subject":null,"datacontenttype":null`:                      {"", "-"},
	} {
		if members != "" {
			members = "," + members
		}
		e, err := ParseJSON([]byte(head + members + "}"))
		if err != nil {
			t.Errorf("%s: %v", members, err)
			continue
		}
		data := string(e.Data)
		if e.Data == nil {
			data = "-"
		}
		if e.DataContentType != want.contentType || data != want.data {
			t.Errorf("%s: %q, %q", members, e.DataContentType, data)
		}
		again, err := throughJSON(nil, e)
		if err != nil || !again.Equal(&e) {
			t.Errorf("%s: written and read again %+v, %v", members, again, err)
		}
	}
}

func TestExtensionsKeepTheirJSONTypes(t *testing.T) {
	const members = `,"a":true,"b":false,"c":-2147483648,"d":"5","e":""}`
	e, err := ParseJSON([]byte(head + members))
	if err != nil {
		t.Fatal(err)
	}
	text, err := e.AppendJSON(nil)
	if err != nil || string(text) != head+members {
		t.Fatalf("%s, %v", text, err)
	}
	e, err = ParseJSON([]byte(head + `,"z":-0}`))
	if v, _ := e.Extension("z"); err != nil || v != Integer(0) {
		t.Fatalf("-0: %v, %v", v, err)
	}
}

func TestJSONIsRefusedWithTheReason(t *testing.T) {
	for _, tc := range []struct {
		text, want string
		is         error
	}{
		{``, "byte 0: the text ends too early", ErrSyntax},
		{`[]`, "byte 0: want {", ErrSyntax},
		{`null`, "want {", ErrSyntax},
		{`{}`, "specversion is missing", ErrInvalid},
		{`{"a":1,}`, "byte 7", ErrSyntax},
		{head, "ends too early", ErrSyntax},
		{head + `}}`, "follows the end", ErrSyntax},
		{head + `,"data":01}`, "want a comma", ErrSyntax},
		{head + `,"data":1.}`, "want a digit", ErrSyntax},
		{head + `,"data":1e}`, "want a digit", ErrSyntax},
		{head + `,"data":tru}`, "want a value", ErrSyntax},
		{head + `,"data":"` + "\n" + `"}`, "control character", ErrSyntax},
		{head + `,"data":"\x"}`, "backslash", ErrSyntax},
		{head + `,"data":"\u00g0"}`, "hexadecimal", ErrSyntax},
		{head + `,"data":"` + "\xff" + `"}`, "not UTF-8", ErrSyntax},
		{head + `,"data":` + strings.Repeat("[", 1e6) + `}`, "too deep", ErrSyntax},
		{head + `,"x":` + strings.Repeat(`{"a":`, 1e6) + `}`, "too deep", ErrSyntax},
		{head + `,"id":"2"}`, `id "2" is given twice`, ErrInvalid},
		{head + `,"x":1,"x":1}`, `x "1" is given twice`, ErrInvalid},
		{head + `,"\u0078":1,"x":1}`, `x "1" is given twice`, ErrInvalid},
		{head + `,"data":1,"data":1}`, `data is given twice`, ErrInvalid},
		{head + `,"data_base64":"","data_base64":""}`, `data_base64 is given twice`, ErrInvalid},
		{head + `,"data":1,"data_base64":""}`, `both`, ErrInvalid},
		{head + `,"data_base64":"a"}`, `data_base64 "a" is no base64`, ErrInvalid},
		{head + `,"data_base64":1}`, `data_base64 must be a string`, ErrInvalid},
		{head + `,"datacontenttype":"text/plain","data":{}}`, `data "{}" must be a string`, ErrInvalid},
		{head + `,"datacontenttype":"text/plain;charset=latin1","data":"é"}`, `data_base64`, ErrInvalid},
		{head + `,"datacontenttype":"text/plain","data":"\ud800"}`, `half a character`, ErrInvalid},
		{head + `,"subject":"\ud800"}`, `subject "\\ud800" has an escape of half a character`, ErrInvalid},
		{head + `,"subject":"a\u0000"}`, "U+0000 at byte 1", ErrInvalid},
		{head + `,"subject":""}`, "subject is empty", ErrInvalid},
		{head + `,"subject":5}`, `subject "5" must be a string`, ErrInvalid},
		{head + `,"x":1.0}`, `x "1.0" is no integer`, ErrInvalid},
		{head + `,"x":2147483648}`, `x "2147483648" is no integer`, ErrInvalid},
		{head + `,"x":{}}`, `x is an object`, ErrInvalid},
		{head + `,"eventId":"1"}`, `eventId is not a name`, ErrInvalid},
		{head + `,"":"1"}`, `has no name`, ErrInvalid},
		{`{"specversion":"1.1","id":"1","source":"/s","type":"t"}`, `specversion "1.1" is not 1.0`, ErrInvalid},
		{`{"specversion":1.0,"id":"1","source":"/s","type":"t"}`, `specversion "1.0" is no integer`, ErrInvalid},
	} {
		_, err := ParseJSON([]byte(tc.text))
		mustContain(t, err, tc.want)
		if !errors.Is(err, tc.is) {
			t.Errorf("%v: it is not %v", err, tc.is)
		}
	}
}

// An invalid event is written in no form.
func TestInvalidEventsAreNotWritten(t *testing.T) {
	e := valid()
	e.Subject = "\x00"
	if _, err := e.AppendJSON(nil); !errors.Is(err, ErrInvalid) {
		t.Error("JSON:", err)
	}
	if _, err := e.AppendLine(nil); !errors.Is(err, ErrInvalid) {
		t.Error("line:", err)
	}
	if _, err := e.Record(); !errors.Is(err, ErrInvalid) {
		t.Error("record:", err)
	}
	if _, err := e.StructuredRecord(); !errors.Is(err, ErrInvalid) {
		t.Error("structured record:", err)
	}
	if _, err := e.MQTT(); !errors.Is(err, ErrInvalid) {
		t.Error("MQTT:", err)
	}
	if _, err := e.StructuredMQTT(); !errors.Is(err, ErrInvalid) {
		t.Error("structured MQTT:", err)
	}
	if err := e.SetHTTP(header()); !errors.Is(err, ErrInvalid) {
		t.Error("HTTP:", err)
	}
	if _, err := AppendBatch(nil, valid(), e); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "event 1") {
		t.Error("batch:", err)
	}
}

// encoding/json takes and gives events as well, and may use its memory again.
func TestEncodingJSON(t *testing.T) {
	var got struct{ Event Event }
	text := fmt.Appendf(nil, `{"Event":%s,"data":{"a":1}}}`, head)
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	clear(text)
	again, err := json.Marshal(got)
	if err != nil || string(again) != `{"Event":`+head+`,"datacontenttype":"application/json","data":{"a":1}}}` {
		t.Fatalf("%s, %v", again, err)
	}
}

func TestALineHasNoLineBreaks(t *testing.T) {
	e := valid()
	e.DataContentType, e.Data = "application/json", []byte("{\n\r\"a\":\"\\n\"\n}")
	line, err := e.AppendLine([]byte("\n"))
	if err != nil || strings.Count(string(line), "\n") != 2 || strings.Contains(string(line), "\r") {
		t.Fatalf("%q, %v", line, err)
	}
}
