// Package kafkago_test runs segmentio's kafka-go against a server.
package kafkago_test

import (
	"context"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/evidentlog/evident/interop/clients"
)

func newClient(t *testing.T) *kafka.Client {
	t.Helper()
	return &kafka.Client{Addr: kafka.TCP(clients.Servers(t)...), Timeout: clients.Wait}
}

func newTopic(t *testing.T, partitions int, configs ...kafka.ConfigEntry) string {
	t.Helper()
	name := clients.Unique("kafka-go")
	answer, err := newClient(t).CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: name, NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: configs},
	}})
	if err != nil || answer.Errors[name] != nil {
		t.Fatal(err, answer)
	}
	return name
}

func newWriter(t *testing.T, topic string) *kafka.Writer {
	t.Helper()
	w := &kafka.Writer{Addr: kafka.TCP(clients.Servers(t)...), Topic: topic, RequiredAcks: kafka.RequireAll}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func write(t *testing.T, w *kafka.Writer, values []string) {
	t.Helper()
	messages := make([]kafka.Message, len(values))
	for i, v := range values {
		messages[i].Value = []byte(v)
	}
	if err := w.WriteMessages(t.Context(), messages...); err != nil {
		t.Fatal(err)
	}
}

func newReader(t *testing.T, config kafka.ReaderConfig) *kafka.Reader {
	t.Helper()
	config.Brokers = clients.Servers(t)
	config.MaxBytes = 10 << 20
	config.MaxWait = 200 * time.Millisecond // Close waits for it
	r := kafka.NewReader(config)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// read gives the next count messages, and commits none.
func read(t *testing.T, r *kafka.Reader, count int) []kafka.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clients.Wait)
	defer cancel()
	messages := make([]kafka.Message, count)
	for i := range messages {
		var err error
		if messages[i], err = r.FetchMessage(ctx); err != nil {
			t.Fatalf("message %d of %d: %v", i, count, err)
		}
	}
	return messages
}

func valuesOf(messages []kafka.Message) []string {
	values := make([]string, len(messages))
	for i, m := range messages {
		values[i] = string(m.Value)
	}
	return values
}
