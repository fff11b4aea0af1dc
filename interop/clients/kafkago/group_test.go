package kafkago_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/evidentlog/evident/interop/clients"
)

func TestTwoMembersShareATopicAndOneTakesOver(t *testing.T) {
	for _, balancer := range []kafka.GroupBalancer{kafka.RangeGroupBalancer{}, kafka.RoundRobinGroupBalancer{}} {
		t.Run(balancer.ProtocolName(), func(t *testing.T) {
			topic, group := newTopic(t, 4), clients.Unique("group")
			first := join(t, group, topic, balancer)
			clients.Eventually(t, "the first member has all partitions", func() bool { return first.partitions() == 4 })
			second := join(t, group, topic, balancer)
			clients.Eventually(t, "both have two", func() bool { return first.partitions() == 2 && second.partitions() == 2 })
			second.stop(t)
			clients.Eventually(t, "the first has all again", func() bool { return first.partitions() == 4 })
			first.stop(t)
		})
	}
}

func TestAGroupGoesOnWhereItCommitted(t *testing.T) {
	topic, group := newTopic(t, 1), clients.Unique("group")
	write(t, newWriter(t, topic), clients.Values("v", 100))
	r := newReader(t, kafka.ReaderConfig{GroupID: group, Topic: topic, StartOffset: kafka.FirstOffset})
	if err := r.CommitMessages(t.Context(), read(t, r, 40)...); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = newReader(t, kafka.ReaderConfig{GroupID: group, Topic: topic, StartOffset: kafka.FirstOffset})
	if got := read(t, r, 60); got[0].Offset != 40 || got[59].Offset != 99 {
		t.Errorf("read offsets %d to %d, want 40 to 99", got[0].Offset, got[59].Offset)
	}
}

// member is one member of a group. It counts the partitions it is assigned.
type member struct {
	group *kafka.ConsumerGroup
	end   context.CancelFunc
	ended chan error

	mu struct {
		sync.Mutex
		partitions int
	}
}

func join(t *testing.T, group, topic string, balancer kafka.GroupBalancer) *member {
	t.Helper()
	g, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: group, Brokers: clients.Servers(t), Topics: []string{topic},
		GroupBalancers: []kafka.GroupBalancer{balancer}, HeartbeatInterval: 200 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	m := &member{group: g, end: cancel, ended: make(chan error, 1)}
	go func() { m.ended <- m.run(ctx, topic) }()
	return m
}

func (m *member) run(ctx context.Context, topic string) error {
	for {
		generation, err := m.group.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		m.mu.Lock()
		m.mu.partitions = len(generation.Assignments[topic])
		m.mu.Unlock()
	}
}

func (m *member) stop(t *testing.T) {
	t.Helper()
	m.end()
	if err := <-m.ended; err != nil {
		t.Error(err)
	}
	if err := m.group.Close(); err != nil {
		t.Error(err)
	}
}

func (m *member) partitions() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.partitions
}
