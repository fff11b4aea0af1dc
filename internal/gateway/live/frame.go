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
