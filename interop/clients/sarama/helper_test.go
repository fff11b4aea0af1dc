// Package sarama_test runs IBM's sarama against a server.
package sarama_test

import (
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/evidentlog/evident/interop/clients"
)

// config asks for the newest versions that sarama knows.
func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Producer.Return.Successes = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Consumer.IsolationLevel = sarama.ReadCommitted
	return c
}

func newClient(t *testing.T) sarama.Client {
	t.Helper()
	c, err := sarama.NewClient(clients.Servers(t), config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func newAdmin(t *testing.T) sarama.ClusterAdmin {
	t.Helper()
	a, err := sarama.NewClusterAdmin(clients.Servers(t), config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func newTopic(t *testing.T, partitions int32, configs map[string]*string) string {
	t.Helper()
	name := clients.Unique("sarama")
	detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: configs}
	if err := newAdmin(t).CreateTopic(name, detail, false); err != nil {
		t.Fatal(err)
	}
	return name
}

func newProducer(t *testing.T, change func(*sarama.Config)) sarama.SyncProducer {
	t.Helper()
	c := config()
	if change != nil {
		change(c)
	}
	p, err := sarama.NewSyncProducer(clients.Servers(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func produce(t *testing.T, topic string, values []string, change func(*sarama.Config)) {
	t.Helper()
	messages := make([]*sarama.ProducerMessage, len(values))
	for i, v := range values {
		messages[i] = &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(v)}
	}
	send(t, newProducer(t, change), messages...)
}

func send(t *testing.T, p sarama.SyncProducer, messages ...*sarama.ProducerMessage) {
	t.Helper()
	if err := p.SendMessages(messages); err != nil {
		t.Fatal(err)
	}
}

// read gives the first count messages of partition 0 from an offset on.
func read(t *testing.T, topic string, from int64, count int) []*sarama.ConsumerMessage {
	t.Helper()
	c, err := sarama.NewConsumerFromClient(newClient(t))
	if err != nil {
		t.Fatal(err)
	}
	part, err := c.ConsumePartition(topic, 0, from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = part.Close() }()
	var messages []*sarama.ConsumerMessage
	timeout := time.After(clients.Wait)
	for len(messages) < count {
		select {
		case m := <-part.Messages():
			messages = append(messages, m)
		case <-timeout:
			t.Fatalf("%d messages of %d came", len(messages), count)
		}
	}
	return messages
}

func valuesOf(messages []*sarama.ConsumerMessage) []string {
	values := make([]string, len(messages))
	for i, m := range messages {
		values[i] = string(m.Value)
	}
	return values
}
