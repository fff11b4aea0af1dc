package sarama_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/IBM/sarama"

	"github.com/evidentlog/evident/interop/clients"
)

func TestTwoMembersShareATopicAndOneTakesOver(t *testing.T) {
	for _, strategy := range []sarama.BalanceStrategy{
		sarama.NewBalanceStrategyRange(), sarama.NewBalanceStrategyRoundRobin(), sarama.NewBalanceStrategySticky(),
	} {
		t.Run(strategy.Name(), func(t *testing.T) {
			topic, group := newTopic(t, 4, nil), clients.Unique("group")
			first := join(t, group, topic, strategy)
			clients.Eventually(t, "the first member has all partitions", func() bool { return first.claims() == 4 })
			second := join(t, group, topic, strategy)
			clients.Eventually(t, "both have two", func() bool { return first.claims() == 2 && second.claims() == 2 })
			second.stop(t)
			clients.Eventually(t, "the first has all again", func() bool { return first.claims() == 4 })
			first.stop(t)
		})
	}
}

func TestAGroupGoesOnWhereItCommitted(t *testing.T) {
	topic, group := newTopic(t, 1, nil), clients.Unique("group")
	for round := range 2 {
		produce(t, topic, clients.Values("v", 40), nil)
		m := join(t, group, topic, sarama.NewBalanceStrategyRange())
		clients.Eventually(t, "40 messages", func() bool { return m.count() >= 40 })
		m.stop(t)
		if first, count := m.first(), m.count(); first != int64(round*40) || count != 40 {
			t.Errorf("round %d began at offset %d and had %d messages", round, first, count)
		}
	}
}

// member is one member of a consumer group. It marks what it reads.
type member struct {
	group sarama.ConsumerGroup
	end   context.CancelFunc
	ended chan error

	mu struct {
		sync.Mutex
		claims  int
		offsets []int64
	}
}

func join(t *testing.T, group, topic string, strategy sarama.BalanceStrategy) *member {
	t.Helper()
	c := config()
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
	g, err := sarama.NewConsumerGroup(clients.Servers(t), group, c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	m := &member{group: g, end: cancel, ended: make(chan error, 1)}
	go func() { m.ended <- m.run(ctx, topic) }()
	return m
}

// run joins again after each rebalance.
func (m *member) run(ctx context.Context, topic string) error {
	for ctx.Err() == nil {
		if err := m.group.Consume(ctx, []string{topic}, m); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// stop leaves the group.
func (m *member) stop(t *testing.T) {
	t.Helper()
	m.end()
	if err := errors.Join(<-m.ended, m.group.Close()); err != nil {
		t.Error(err)
	}
}

func (m *member) Setup(s sarama.ConsumerGroupSession) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.claims = 0
	for _, partitions := range s.Claims() {
		m.mu.claims += len(partitions)
	}
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		m.mu.Lock()
		m.mu.offsets = append(m.mu.offsets, message.Offset)
		m.mu.Unlock()
		s.MarkMessage(message, "")
	}
	return nil
}

func (m *member) claims() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.claims
}

func (m *member) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.mu.offsets)
}

func (m *member) first() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.mu.offsets) == 0 {
		return -1
	}
	return m.mu.offsets[0]
}
