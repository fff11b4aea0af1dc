package txn

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commitOffsets adds the group's offsets to the transaction (KIP-447).
func (p *Producer) commitOffsets(ctx context.Context, o Offsets, name string) error {
	req, err := p.offsetsRequest(ctx, o, name)
	if err != nil {
		return err
	}
	return p.untilFree(ctx, func() error {
		resp, err := req.RequestWith(ctx, p.client)
		if err != nil {
			return fmt.Errorf("committing offsets of group %q: %w", o.Group, err)
		}
		return p.tookOffsets(req, resp)
	})
}

func (p *Producer) offsetsRequest(ctx context.Context, o Offsets, name string) (*kmsg.TxnOffsetCommitRequest, error) {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = p.cfg.ID, o.Group, p.id, p.epoch
	req.MemberID, req.Generation = o.Member, o.Generation
	at := map[string]int{}
	for _, next := range o.Next {
		i, ok := at[next.Topic]
		if !ok {
			i = len(req.Topics)
			at[next.Topic] = i
			topic, err := p.cfg.Topics.Topic(ctx, next.Topic)
			if err != nil {
				return nil, fmt.Errorf("committing offsets of group %q: %w", o.Group, err)
			}
			t := kmsg.NewTxnOffsetCommitRequestTopic()
			t.Topic, t.TopicID = next.Topic, topic.ID // version 6 has the id only
			req.Topics = append(req.Topics, t)
		}
		part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		part.Partition, part.Offset = next.Partition, next.At
		part.Metadata = kmsg.StringPtr(Noted(name, next.Note))
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, part)
	}
	return req, nil
}

// tookOffsets is the first error of an answer.
func (p *Producer) tookOffsets(req *kmsg.TxnOffsetCommitRequest, resp *kmsg.TxnOffsetCommitResponse) error {
	for i, t := range resp.Topics {
		for _, part := range t.Partitions {
			err := kerr.ErrorForCode(part.ErrorCode)
			if err == nil {
				continue
			}
			name := t.Topic
			if name == "" && i < len(req.Topics) {
				name = req.Topics[i].Topic
			}
			if errors.Is(err, kerr.UnknownTopicID) {
				p.cfg.Topics.Forget(name)
			}
			return fmt.Errorf("committing offsets of group %q, %q partition %d: %w", req.Group, name, part.Partition, notMember(err))
		}
	}
	return nil
}

// notMember gives errors by which a group says that a member is none a name.
func notMember(err error) error {
	for _, known := range []error{kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.FencedInstanceID, kerr.RebalanceInProgress, kerr.StaleMemberEpoch} {
		if errors.Is(err, known) {
			return fmt.Errorf("%w: %w", ErrNotMember, err)
		}
	}
	return fenced(err)
}

// add adds partitions and the group to the transaction, for clusters on which they do
// not join by being written to.
func (p *Producer) add(ctx context.Context, b *Buffer, group string) error {
	if err := p.addPartitions(ctx, b); err != nil {
		return err
	}
	req := kmsg.NewPtrAddOffsetsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = p.cfg.ID, p.id, p.epoch, group
	err := p.untilFree(ctx, func() error {
		resp, err := req.RequestWith(ctx, p.client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	})
	if err != nil {
		return fmt.Errorf("adding group %q to the transaction: %w", group, fenced(err))
	}
	return nil
}

func (p *Producer) addPartitions(ctx context.Context, b *Buffer) error {
	if b.Empty() {
		return nil
	}
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = p.cfg.ID, p.id, p.epoch
	at := map[string]int{}
	for _, part := range b.parts {
		i, ok := at[part.to.Name]
		if !ok {
			i = len(req.Topics)
			at[part.to.Name] = i
			t := kmsg.NewAddPartitionsToTxnRequestTopic()
			t.Topic = part.to.Name
			req.Topics = append(req.Topics, t)
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, part.number)
	}
	return p.untilFree(ctx, func() error {
		resp, err := req.RequestWith(ctx, p.client)
		if err != nil {
			return fmt.Errorf("adding partitions to the transaction: %w", err)
		}
		return p.added(resp)
	})
}

// added is the error of an answer, if there is one. OPERATION_NOT_ATTEMPTED only says
// that it was another partition's.
func (p *Producer) added(resp *kmsg.AddPartitionsToTxnResponse) error {
	for _, t := range resp.Topics {
		for _, part := range t.Partitions {
			err := kerr.ErrorForCode(part.ErrorCode)
			if err != nil && !errors.Is(err, kerr.OperationNotAttempted) {
				return p.notWritten(t.Topic, part.Partition, err)
			}
		}
	}
	return nil
}
