package bank

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// consumerMember is a member of a consumer group (KIP-848).
type consumerMember struct {
	actor *actor
	id    string
	epoch int32
	owned []kmsg.ConsumerGroupHeartbeatRequestTopic
}

func newConsumerMember(a *actor) *consumerMember {
	return &consumerMember{actor: a, id: rand.Text()}
}

func (m *consumerMember) standing() (string, int32) {
	return m.id, m.epoch
}

// join sends heartbeats until the partition is the member's.
func (m *consumerMember) join(ctx context.Context) error {
	for {
		if err := m.heartbeat(ctx); err != nil {
			return err
		}
		if len(m.owned) > 0 {
			return m.heartbeat(ctx) // which says that it took it
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pulse / 10):
		}
	}
}

// heartbeat says all that there is to say, each time.
func (m *consumerMember) heartbeat(ctx context.Context) error {
	resp, err := m.request(m.epoch, m.owned).RequestWith(ctx, m.actor.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return err
	}
	m.epoch = resp.MemberEpoch
	if resp.Assignment != nil {
		m.owned = nil
		for _, t := range resp.Assignment.Topics {
			m.owned = append(m.owned, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: t.TopicID, Partitions: t.Partitions})
		}
	}
	return nil
}

func (m *consumerMember) request(epoch int32, owned []kmsg.ConsumerGroupHeartbeatRequestTopic) *kmsg.ConsumerGroupHeartbeatRequest {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.InstanceID, req.MemberID, req.MemberEpoch = m.actor.role.Group, m.actor.instance(), m.id, epoch
	req.RebalanceTimeoutMillis = 10_000
	req.SubscribedTopicNames = []string{m.actor.role.Topic}
	req.Topics = owned
	if owned == nil {
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	return req
}

// leave is a heartbeat with epoch -1.
func (m *consumerMember) leave(ctx context.Context) error {
	resp, err := m.request(-1, nil).RequestWith(ctx, m.actor.client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}
