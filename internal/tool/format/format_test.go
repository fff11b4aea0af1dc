package format_test

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/format"
)

func record() *kgo.Record {
	return &kgo.Record{
		Topic: "orders", Partition: 2, Offset: 41, Timestamp: time.UnixMilli(1769846400123),
		Key: []byte("k"), Value: []byte(`{"a":"<b>"}`),
		Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("1")}, {Key: "h", Value: []byte("2")}},
	}
}

func TestWritersFormatRecords(t *testing.T) {
	for f, want := range map[string]string{
		"text": `{"a":"<b>"}` + "\n",
		"json": `{"topic":"orders","partition":2,"offset":41,"timestamp":1769846400123,"key":"k","value":"{\"a\":\"<b>\"}",` +
			`"headers":[{"key":"h","value":"1"},{"key":"h","value":"2"}]}` + "\n",
		`{{.Topic}}/{{.Partition}}@{{.Offset}} {{.Key}}={{.Value}}`:      `orders/2@41 k={"a":"<b>"}` + "\n",
		`{{.Header "h"}} {{.Timestamp.Format "15:04:05"}} {{json .Key}}`: `2 08:00:00 "k"` + "\n",
		`%t/%p@%o %k=%v\n`:       `orders/2@41 k={"a":"<b>"}` + "\n",
		`%s %S %%s %h{%k=%v }%d`: `{"a":"<b>"} 11 %s h=1 h=2 1769846400123`,
	} {
		write, err := format.NewWriter(f)
		if err != nil {
			t.Errorf("NewWriter(%q): %v", f, err)
			continue
		}
		if got, err := write([]byte("before "), record()); string(got) != "before "+want || err != nil {
			t.Errorf("%q gave %q, %v; want %q", f, got, err, want)
		}
	}
}

func TestWrongFormatsAreUsageErrorsThatSayWhatToWrite(t *testing.T) {
	for f, want := range map[string]string{
		"jsn":         `did you mean "json"?`,
		"":            `write text, json, a Go template`,
		"{{.Ky}}":     `the fields are .Topic .Partition`,
		"{{.Key":      `the fields are .Topic .Partition`,
		"%z":          `the verbs are %t topic`,
		"{{.Key.No}}": `the fields are`,
	} {
		_, err := format.NewWriter(f)
		var usage *tool.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("NewWriter(%q): %v; want a usage error with %q", f, err, want)
		}
	}
}

func read(t *testing.T, r format.Reader) []*kgo.Record {
	t.Helper()
	var all []*kgo.Record
	for {
		record, err := r()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, record)
	}
}

func TestWhatWasWrittenAsJSONReadsBackTheSame(t *testing.T) {
	for name, r := range map[string]*kgo.Record{
		"text":            record(),
		"binary":          {Key: []byte{0xff, 0}, Value: []byte{0xfe}, Headers: []kgo.RecordHeader{{Key: "b", Value: []byte{0x80}}}},
		"tombstone":       {Key: []byte("k")},
		"empty":           {Key: []byte{}, Value: []byte{}},
		"no header value": {Headers: []kgo.RecordHeader{{Key: "n"}}},
	} {
		write, _ := format.NewWriter("json")
		r.Timestamp = time.UnixMilli(1769846400123)
		line, err := write(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, format.JSON(strings.NewReader(string(line))))
		if len(got) != 1 || !reflect.DeepEqual(got[0].Key, r.Key) || !reflect.DeepEqual(got[0].Value, r.Value) ||
			!reflect.DeepEqual(got[0].Headers, r.Headers) || !got[0].Timestamp.Equal(r.Timestamp) {
			t.Errorf("%s: %s read back as %+v", name, line, got)
		}
	}
}

func TestJSONTakesAnyJSONAsValue(t *testing.T) {
	got := read(t, format.JSON(strings.NewReader("{\"value\": {\"a\": 1}}\n\n{\"value\":7}")))
	if len(got) != 2 || string(got[0].Value) != `{"a": 1}` || string(got[1].Value) != "7" {
		t.Errorf("got %+v", got)
	}
}

func TestLinesMayCarryAKey(t *testing.T) {
	got := read(t, format.Lines(strings.NewReader("a:1:2\nno key\n\n:v"), ":"))
	want := [][2]string{{"a", "1:2"}, {"", "no key"}, {"", ""}, {"", "v"}}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, r := range got {
		if string(r.Key) != want[i][0] || string(r.Value) != want[i][1] {
			t.Errorf("record %d is %q: %q", i, r.Key, r.Value)
		}
	}
	if got[1].Key != nil || got[3].Key == nil {
		t.Error("a line without delimiter has no key, one that begins with it has an empty one")
	}
}

func TestReadErrorsNameTheLine(t *testing.T) {
	for in, want := range map[string]string{
		"{}\nx":                               "line 2: no JSON: ",
		`"x"`:                                 `line 1: a JSON string is no record: write an object`,
		`{"valu":1}`:                          `line 1: unknown field "valu": did you mean "value"?`,
		`{"timestamp":"now"}`:                 `line 1: "timestamp" cannot be a string`,
		`{"value":"a","value_base64":"YQ=="}`: `line 1: the value is given twice`,
		`{} {}`:                               `line 1: there is more behind the object`,
	} {
		reader := format.JSON(strings.NewReader(in))
		_, err := reader()
		if err == nil {
			_, err = reader()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", in, err, want)
		}
	}
}
