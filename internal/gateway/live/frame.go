package live

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// A Frame is an event as all its readers get it. Nobody changes it.
type Frame struct {
	Partition int32
	Offset    int64
	Event     event.Event // without its data
	Line      []byte      // the event as JSON, and a newline
}

// frame makes one of a record, which is seen as an event if it is none.
func frame(r *kgo.Record) (*Frame, error) {
	headers := make([]event.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = event.Header(h)
	}
	e := event.View(&event.Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value, Headers: headers,
	})
	line, err := e.AppendLine(nil)
	if err != nil {
		return nil, err
	}
	e.Data = nil // a part of what was fetched with it
	return &Frame{Partition: r.Partition, Offset: r.Offset, Event: e, Line: line}, nil
}

// frames makes them of records, but for the markers of transactions.
func frames(records []*kgo.Record) ([]*Frame, error) {
	all := make([]*Frame, 0, len(records))
	for _, r := range records {
		if r.Attrs.IsControl() {
			continue
		}
		f, err := frame(r)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// taken is how many bytes of lines a reader gets at a time, but for the last line.
const taken = 64 << 10

// portion is how many of the frames a reader gets at a time.
func portion(all []*Frame) int {
	bytes := 0
	for i, f := range all {
		if bytes += len(f.Line); bytes >= taken {
			return i + 1
		}
	}
	return len(all)
}
