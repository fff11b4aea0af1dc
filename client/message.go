package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// A Handler is code that events are handed to. An error, or a panic, means that the
// event was not handled: what it has emitted is dropped, and it is called again, as the
// [Policy] says. Its context has the deadline, ends when the event is handed to another
// consumer, and relates what is produced to the event.
type Handler func(ctx context.Context, m *Message) error

// A Message is an event on its way through a handler. A record that is no CloudEvent
// has the view of it that [event.View] defines. It is valid, and Emit may be called,
// until the handler returns.
type Message struct {
	event.Event
	Position
	// Record is what lies there.
	Record *kgo.Record
	// Attempt is how often this handler was given the event in a row, from 1.
	Attempt int

	c     *Consumer
	view  bool // the record is no event
	emits []*kgo.Record
	ctx   context.Context // of the call of the handler, which the message does not outlive
	over  *atomic.Bool    // the handler has returned, or was left behind
}

// messageOf reads the event of a record. An error says that it claims to be one and is
// not.
func (c *Consumer) messageOf(r *kgo.Record) (*Message, error) {
	m := &Message{}
	err := m.read(c, r)
	return m, err
}

func (m *Message) read(c *Consumer, r *kgo.Record) (err error) {
	m.c, m.Record, m.Position = c, r, Position{r.Topic, r.Partition, r.Offset}
	er := eventRecord(r)
	m.Event, err = event.FromRecord(&er)
	if errors.Is(err, event.ErrNotEvent) {
		m.Event, m.view = event.View(&er), true
		return nil
	}
	return err
}

// eventRecord is a record as package event knows it, with memory shared.
func eventRecord(r *kgo.Record) event.Record {
	return event.Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp,
		Key: r.Key, Value: r.Value, Headers: eventHeaders(r.Headers),
	}
}

// JSON makes a handler of code that takes the event's data as a Go value. Data that is
// no JSON, or not of that shape, is a [Permanent] error.
func JSON[T any](handle func(ctx context.Context, data T, m *Message) error) Handler {
	return func(ctx context.Context, m *Message) error {
		data, err := Data[T](m)
		if err != nil {
			return Permanent(err)
		}
		return handle(ctx, data, m)
	}
}

// Data decodes an event's data, which must be JSON.
func Data[T any](m *Message) (T, error) {
	var data T
	if err := json.Unmarshal(m.Data, &data); err != nil {
		return data, fmt.Errorf("data of event %q at %v: %w", m.ID, m.Position, err)
	}
	return data, nil
}

// Emit produces an event if the handler succeeds: with the offset in one transaction if
// it is [ExactlyOnce], and otherwise before the offset is committed. It is written to
// the log in binary mode, and its record copied: the event is the caller's again.
//
// An event without an id gets one that follows from the event that is handled, the
// consumer group, the topic and how many were emitted before it: if the handler runs
// again, the same event comes out, and whoever reads it can tell.
func (m *Message) Emit(topic string, e *event.Event) error {
	r, err := m.emission(topic, e)
	if err == nil {
		m.emits = append(m.emits, r)
	}
	return err
}

// emitTo emits an event to a partition.
func (m *Message) emitTo(topic string, partition int32, e *event.Event) error {
	r, err := m.emission(topic, e)
	if err == nil {
		r.Context = placed(context.Background(), partition)
		m.emits = append(m.emits, r)
	}
	return err
}

// emission makes the record of an event that is emitted.
func (m *Message) emission(topic string, e *event.Event) (*kgo.Record, error) {
	if m.over.Load() {
		return nil, fmt.Errorf("emit to topic %s: %w: the handler of %v has returned", topic, ErrClosed, m.Position)
	}
	if e.ID == "" {
		e.ID = m.deriveID(topic)
	}
	r, err := m.c.emitter.record(m.ctx, topic, e, &m.Event)
	if err != nil {
		return nil, &ProduceError{Topic: topic, Partition: -1, ID: e.ID, Err: err}
	}
	return r, nil
}

// deriveID makes the id of what is emitted next.
func (m *Message) deriveID(topic string) string {
	parts := []string{m.c.group, m.Source, m.ID, topic, strconv.Itoa(len(m.emits))}
	if m.view { // whose id is a place, which a topic that is made again has once more
		parts = append(parts, strconv.FormatInt(m.Record.Timestamp.UnixMilli(), 10))
	}
	return nameID(parts...)
}
