// Package format turns records into text and text into records, as "evident
// consume" prints and "evident produce" reads them.
//
// Both share one form of JSON, so that what was consumed can be produced again.
// It is not an event format: keys and values are whatever bytes they are.
package format

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A jsonRecord is a record as JSON, on one line. A key or value that is not UTF-8
// text stands in the field of the same name with "_base64" behind it; null is
// no key, or no value (a tombstone).
type jsonRecord struct {
	Topic     string       `json:"topic"`
	Partition int32        `json:"partition"`
	Offset    int64        `json:"offset"`
	Timestamp int64        `json:"timestamp"` // ms since the epoch
	Key       *string      `json:"key"`
	KeyB64    []byte       `json:"key_base64,omitempty"`
	Value     *string      `json:"value"`
	ValueB64  []byte       `json:"value_base64,omitempty"`
	Headers   []jsonHeader `json:"headers,omitempty"`
}

type jsonHeader struct {
	Key      string  `json:"key"`
	Value    *string `json:"value"`
	ValueB64 []byte  `json:"value_base64,omitempty"`
}

func toJSON(r *kgo.Record) jsonRecord {
	j := jsonRecord{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli()}
	j.Key, j.KeyB64 = textOrBytes(r.Key)
	j.Value, j.ValueB64 = textOrBytes(r.Value)
	for _, h := range r.Headers {
		header := jsonHeader{Key: h.Key}
		header.Value, header.ValueB64 = textOrBytes(h.Value)
		j.Headers = append(j.Headers, header)
	}
	return j
}

// textOrBytes returns b as text if it is some, else as bytes, and neither for
// nil.
func textOrBytes(b []byte) (*string, []byte) {
	if b == nil {
		return nil, nil
	}
	if !utf8.Valid(b) {
		return nil, b
	}
	text := string(b)
	return &text, nil
}

// inputRecord is what a line of JSON may say about a record to produce. Topic,
// partition and offset are where a consumed record was; they are accepted and
// do not decide where it goes.
type inputRecord struct {
	Topic     json.RawMessage `json:"topic"`
	Partition json.RawMessage `json:"partition"`
	Offset    json.RawMessage `json:"offset"`
	Timestamp *int64          `json:"timestamp"`
	Key       json.RawMessage `json:"key"`
	KeyB64    []byte          `json:"key_base64"`
	Value     json.RawMessage `json:"value"`
	ValueB64  []byte          `json:"value_base64"`
	Headers   inputHeaders    `json:"headers"`
}

func (in inputRecord) record() (*kgo.Record, error) {
	r := &kgo.Record{}
	if in.Timestamp != nil {
		r.Timestamp = time.UnixMilli(*in.Timestamp)
	}
	var err error
	if r.Key, err = content("key", in.Key, in.KeyB64); err != nil {
		return nil, err
	}
	if r.Value, err = content("value", in.Value, in.ValueB64); err != nil {
		return nil, err
	}
	for _, h := range in.Headers {
		value, err := content("value of header "+h.Key, h.Value, h.ValueB64)
		if err != nil {
			return nil, err
		}
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: value})
	}
	return r, nil
}

// content is the bytes of a key or value: of a JSON string its text, of any
// other JSON its own, of null none.
func content(what string, text json.RawMessage, bytes []byte) ([]byte, error) {
	isNull := text == nil || string(text) == "null"
	switch {
	case !isNull && bytes != nil:
		return nil, fmt.Errorf("the %s is given twice, as text and as base64: keep one", what)
	case isNull:
		return bytes, nil
	case text[0] != '"':
		return text, nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, err
	}
	return []byte(s), nil
}

type inputHeader struct {
	Key      string          `json:"key"`
	Value    json.RawMessage `json:"value"`
	ValueB64 []byte          `json:"value_base64"`
}

// inputHeaders is a list of headers, which keeps their order and may name one
// twice.
type inputHeaders []inputHeader
