package client

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// A Producer writes events: each once (idempotent), in the order in which they are
// given to it, acknowledged when they are durable on all replicas (acks=all). Its
// methods may be called by any goroutine.
type Producer struct {
	out     *writer
	stamper *event.Stamper
	form    func(*event.Event) (event.Record, error)
	claims  claims
}

// A ProducerOption changes how events are written.
type ProducerOption func(*Producer)

// Structured writes events as JSON documents (structured mode) instead of headers and
// data (binary mode, which costs readers less).
func Structured() ProducerOption {
	return func(p *Producer) { p.form = (*event.Event).StructuredRecord }
}

// Producer makes a producer. All of a client's share its connections.
func (c *Client) Producer(opts ...ProducerOption) *Producer { return c.producer(c.out, opts) }

func (c *Client) producer(out *writer, opts []ProducerOption) *Producer {
	p := &Producer{out: out, stamper: c.stamper, form: (*event.Event).Record, claims: c.cfg.claims}
	for _, o := range opts {
		o(p)
	}
	return p
}

// Produce writes events to a topic and returns where they lie, in their order, when all
// of them are durable. Events get what they lack of id, source and time, and, in a
// handler, their place in the chain of causes. That is kept in the events: one that is
// produced again after an error is the same event. The partition follows from
// partitionkey, or else subject, as with Kafka's own clients; events with neither are
// spread.
//
// The error is that of the first event that was not written, a [*ProduceError], and the
// Offset of each such event is -1. A context that ends leaves open whether an event was
// written.
func (p *Producer) Produce(ctx context.Context, topic string, events ...*event.Event) ([]Position, error) {
	positions := make([]Position, len(events))
	done := make(chan error, len(events))
	for i, e := range events {
		p.ProduceAsync(ctx, topic, e, func(at Position, err error) {
			positions[i] = at
			done <- err
		})
	}
	var first *ProduceError
	for range events {
		if err := <-done; err != nil && first == nil {
			errors.As(err, &first)
		}
	}
	if first != nil {
		return positions, first
	}
	return positions, nil
}

// ProduceAsync writes an event as [Producer.Produce] does and returns before it is
// durable; then, or when that fails, done is called, which must not block. Events may
// not be changed before. It waits while as many records as the Kafka client may hold
// are on their way.
func (p *Producer) ProduceAsync(ctx context.Context, topic string, e *event.Event, done func(Position, error)) {
	cause, _ := Cause(ctx)
	r, err := p.record(ctx, topic, e, cause)
	if err != nil {
		err = &ProduceError{Topic: topic, Partition: -1, ID: e.ID, Err: err}
		p.out.failed(topic, err)
		done(Position{topic, -1, -1}, err)
		return
	}
	p.out.write(ctx, r, func(at Position, err error) {
		if err != nil {
			err = &ProduceError{Topic: topic, Partition: -1, ID: e.ID, Err: err}
		}
		done(at, err)
	})
}

// Flush waits until nothing is on its way.
func (p *Producer) Flush(ctx context.Context) error { return p.out.kafka.Flush(ctx) }

// record makes the record of an event, and completes the event.
func (p *Producer) record(ctx context.Context, topic string, e *event.Event, cause *event.Event) (*kgo.Record, error) {
	relate(e, cause)
	if err := p.stamper.Stamp(e); err != nil {
		return nil, err
	}
	e, err := p.claims.checkIn(ctx, e)
	if err != nil {
		return nil, err
	}
	r, err := p.form(e)
	if err != nil {
		return nil, err
	}
	return kafkaRecord(topic, &r), nil
}

func kafkaRecord(topic string, r *event.Record) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: r.Key, Value: r.Value, Headers: kafkaHeaders(r.Headers)}
}
