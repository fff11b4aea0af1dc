package bank

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// member is an actor's place in a group. Each call is one request, with what the
// member was told last.
type member interface {
	// join returns when the member has the partition.
	join(context.Context) error
	heartbeat(context.Context) error
	leave(context.Context) error
	// standing is what it commits with: who it is and since which generation, or
	// epoch.
	standing() (id string, generation int32)
}

// pulse is how often a member sends heartbeats by itself.
const pulse = 200 * time.Millisecond

// join takes a place, which is kept by heartbeats until one is refused.
func (a *actor) join(ctx context.Context) error {
	if a.role.Consumer {
		a.member = newConsumerMember(a)
	} else {
		a.member = &classicMember{actor: a}
	}
	err := a.member.join(ctx)
	a.lives = err == nil
	return err
}

// instance is the static id as requests have it.
func (a *actor) instance() *string {
	if a.role.Instance == "" {
		return nil
	}
	return &a.role.Instance
}

// commitOffset commits the offset of the topic's partition.
func (a *actor) commitOffset(ctx context.Context, offset int64) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.InstanceID = a.role.Group, a.instance()
	req.MemberID, req.Generation = a.member.standing()
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset = offset
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: a.role.Topic, TopicID: a.role.TopicID, Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
	resp, err := req.RequestWith(ctx, a.client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
}

// sendOffset makes the offset a part of the transaction (KIP-447).
func (a *actor) sendOffset(ctx context.Context, offset int64) error {
	id, epoch, err := a.client.ProducerID(ctx)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = a.role.TransactionalID, a.role.Group, id, epoch
	req.InstanceID = a.instance()
	req.MemberID, req.Generation = a.member.standing()
	p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	p.Offset = offset
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: a.role.Topic, TopicID: a.role.TopicID, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{p}}}
	resp, err := req.RequestWith(ctx, a.client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
}
