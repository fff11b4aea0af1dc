package format

import (
	"bytes"
	"encoding/json"
	"strings"
	"text/template"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/nearest"
	"github.com/evidentlog/evident/internal/tool"
)

// Writer appends a record as text to dst.
type Writer func(dst []byte, r *kgo.Record) ([]byte, error)

// NewWriter returns the writer for a format: "text" (the value and a line
// break), "json" (a line), a Go template (anything with "{{"), or a layout of
// %-verbs as kcat and rpk have them.
func NewWriter(format string) (Writer, error) {
	switch {
	case format == "text":
		return writeText, nil
	case format == "json":
		return writeJSON, nil
	case strings.Contains(format, "{{"):
		return newTemplate(format)
	case strings.Contains(format, "%"):
		return newLayout(format)
	}
	return nil, tool.Usagef("--format %q is none%s", format, nearest.Hint(format, []string{"text", "json"},
		`: write text, json, a Go template such as "{{.Key}} {{.Value}}", or a layout such as "%k %v\n"`))
}

func writeText(dst []byte, r *kgo.Record) ([]byte, error) {
	return append(append(dst, r.Value...), '\n'), nil
}

func writeJSON(dst []byte, r *kgo.Record) ([]byte, error) {
	buffer := bytes.NewBuffer(dst)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(toJSON(r))
	return buffer.Bytes(), err
}

// Record is what a Go template sees.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp time.Time // UTC
	Key       string
	Value     string
	Headers   []Header
}

// Header is a record header.
type Header struct{ Key, Value string }

// Header returns the value of the last header called key, or "".
func (r Record) Header(key string) string {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == key {
			return r.Headers[i].Value
		}
	}
	return ""
}

// newTemplate returns a writer that puts a line break after each record. The
// template is tried on an empty record, so that a wrong field is an error before anything
// is consumed.
func newTemplate(text string) (Writer, error) {
	t, err := template.New("--format").Funcs(template.FuncMap{"json": marshal}).Parse(text)
	if err == nil {
		err = t.Execute(&bytes.Buffer{}, Record{})
	}
	if err != nil {
		return nil, tool.Usagef("%w: the fields are .Topic .Partition .Offset .Timestamp .Key .Value .Headers", err)
	}
	return func(dst []byte, r *kgo.Record) ([]byte, error) {
		buffer := bytes.NewBuffer(dst)
		err := t.Execute(buffer, view(r))
		buffer.WriteByte('\n')
		return buffer.Bytes(), err
	}, nil
}

func marshal(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

func view(r *kgo.Record) Record {
	v := Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UTC(),
		Key: string(r.Key), Value: string(r.Value),
	}
	for _, h := range r.Headers {
		v.Headers = append(v.Headers, Header{h.Key, string(h.Value)})
	}
	return v
}

// newLayout returns a writer for rpk's verbs, and for %s and %S, which are
// kcat's for a value and its length.
func newLayout(text string) (Writer, error) {
	f, err := kgo.NewRecordFormatter(valueVerbs(text))
	if err != nil {
		return nil, tool.Usagef("--format %q: %w; the verbs are %%t topic, %%p partition, %%o offset, %%d time, "+
			"%%k key, %%v value, %%h{%%k=%%v } headers, and %%%% for a percent sign", text, err)
	}
	return func(dst []byte, r *kgo.Record) ([]byte, error) {
		return f.AppendRecord(dst, r), nil
	}, nil
}

// valueVerbs turns %s into %v and %S into %V.
func valueVerbs(text string) string {
	out := []byte(text)
	for i := 0; i+1 < len(out); i++ {
		if out[i] != '%' {
			continue
		}
		i++
		switch out[i] {
		case 's':
			out[i] = 'v'
		case 'S':
			out[i] = 'V'
		}
	}
	return string(out)
}
