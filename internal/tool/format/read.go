package format

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/nearest"
)

// Reader returns the next record, or [io.EOF] after the last. Other errors name the
// line.
type Reader func() (*kgo.Record, error)

// Lines reads a record from each line: its value, or, where delimiter is not
// empty and occurs in the line, its key, the delimiter and its value.
func Lines(in io.Reader, delimiter string) Reader {
	next := lines(in)
	return func() (*kgo.Record, error) {
		line, _, err := next()
		if err != nil {
			return nil, err
		}
		if delimiter != "" {
			if key, value, found := bytes.Cut(line, []byte(delimiter)); found {
				return &kgo.Record{Key: key, Value: value}, nil
			}
		}
		return &kgo.Record{Value: line}, nil
	}
}

// JSON reads a record from each line as [NewWriter] writes them: an object
// with key, value, headers and timestamp, all of which may be left out. Empty
// lines are passed over.
func JSON(in io.Reader) Reader {
	next := lines(in)
	return func() (*kgo.Record, error) {
		for {
			line, number, err := next()
			if err != nil {
				return nil, err
			}
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			r, err := fromJSON(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			return r, nil
		}
	}
}

// lines returns the lines of in without their line breaks, each in memory of its
// own, and their numbers.
func lines(in io.Reader) func() (line []byte, number int, err error) {
	buffered, number := bufio.NewReaderSize(in, 1<<16), 0
	return func() ([]byte, int, error) {
		line, err := buffered.ReadBytes('\n')
		if err != nil && (err != io.EOF || len(line) == 0) {
			return nil, number, err
		}
		number++
		return bytes.TrimSuffix(line, []byte("\n")), number, nil
	}
}

func fromJSON(line []byte) (*kgo.Record, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	var in inputRecord
	if err := decoder.Decode(&in); err != nil {
		return nil, explain(err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("there is more behind the object: write one to a line")
	}
	return in.record()
}

// explain says what is wrong with a line of JSON.
func explain(err error) error {
	known := []string{"key", "key_base64", "value", "value_base64", "headers", "timestamp"}
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf(`a JSON %s is no record: write an object such as {"key":"k","value":"v"}`, kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("%q cannot be a %s", kind.Field, kind.Value)
	}
	// encoding/json has no type for this one.
	if _, field, found := strings.Cut(err.Error(), "unknown field "); found {
		field = strings.Trim(field, `"`)
		return fmt.Errorf("unknown field %q%s", field,
			nearest.Hint(field, known, ": the fields are "+strings.Join(known, ", ")))
	}
	return fmt.Errorf("no JSON: %w", err)
}
