package client_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/evidenttest"
)

func benchClient(b *testing.B, topic string) *client.Client {
	b.Helper()
	c, err := client.Connect(b.Context(), nil, client.WithKafka(evidenttest.Start(b).Client().Opts()...))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	if _, err := kadm.NewClient(c.Kafka()).CreateTopic(b.Context(), 1, -1, nil, topic); err != nil {
		b.Fatal(err)
	}
	return c
}

func sample(i int) *event.Event {
	return &event.Event{Type: "t", Subject: fmt.Sprint(i % 100), DataContentType: "application/json", Data: []byte(`{"n":1,"text":"a hundred bytes or so, as most events have, which makes them comparable with others"}`)}
}

// BenchmarkConsume is an event from the log through a handler that does nothing, and the
// same by franz-go alone, without events and with committing what was polled.
func BenchmarkConsume(b *testing.B) {
	b.Run("handler", func(b *testing.B) {
		c := filled(b)
		ctx, cancel := context.WithCancel(b.Context())
		var n atomic.Int64
		consumer, err := c.Consumer("g", []string{"in"}, func(context.Context, *client.Message) error {
			if n.Add(1) == int64(b.N) {
				cancel()
			}
			return nil
		}, client.NoDeadLetters())
		if err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		if err := consumer.Run(ctx); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("plain", func(b *testing.B) {
		c := filled(b)
		b.ResetTimer()
		k, err := kgo.NewClient(append(c.Kafka().Opts(), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("in"), kgo.DisableAutoCommit(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
		if err != nil {
			b.Fatal(err)
		}
		defer k.Close()
		for n := 0; n < b.N; {
			fetches := k.PollRecords(b.Context(), 500)
			n += fetches.NumRecords()
			if err := k.CommitRecords(b.Context(), fetches.Records()...); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// filled is a client of a node with b.N events.
func filled(b *testing.B) *client.Client {
	b.Helper()
	c := benchClient(b, "in")
	p := c.Producer()
	var failed atomic.Int64
	for i := range b.N {
		p.ProduceAsync(b.Context(), "in", sample(i), func(_ client.Position, err error) {
			if err != nil {
				failed.Add(1)
			}
		})
	}
	if err := p.Flush(b.Context()); err != nil || failed.Load() > 0 {
		b.Fatal(err, failed.Load())
	}
	return c
}

// BenchmarkProduce is an event to the log, many on their way, and the same records, made
// before, by franz-go alone: each of them is another, as events are, or the broker would
// have less to do.
func BenchmarkProduce(b *testing.B) {
	b.Run("event", func(b *testing.B) {
		c := benchClient(b, "out")
		p := c.Producer()
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			p.ProduceAsync(b.Context(), "out", sample(i), func(client.Position, error) {})
		}
		if err := p.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("plain", func(b *testing.B) {
		c := benchClient(b, "out")
		all := benchRecords(b)
		b.ReportAllocs()
		b.ResetTimer()
		for _, r := range all {
			c.Kafka().Produce(b.Context(), r, nil)
		}
		if err := c.Kafka().Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
}

// benchRecords are those of b.N events.
func benchRecords(b *testing.B) []*kgo.Record {
	b.Helper()
	stamper, err := event.NewStamper("/evident/client", time.Now, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	all := make([]*kgo.Record, b.N)
	for i := range all {
		e := sample(i)
		if err := stamper.Stamp(e); err != nil {
			b.Fatal(err)
		}
		r, err := e.Record()
		if err != nil {
			b.Fatal(err)
		}
		all[i] = &kgo.Record{Topic: "out", Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			all[i].Headers = append(all[i].Headers, kgo.RecordHeader(h))
		}
	}
	return all
}
