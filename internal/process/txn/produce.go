package txn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/evidentlog/evident/internal/log/batch"
)

// produceTimeout is how long a broker waits for its replicas.
const produceTimeout = 10 * time.Second

// produce writes all batches: to each broker one batch of each partition at a time,
// since a request may have no more (KIP-98), one request after the other.
func (p *Producer) produce(ctx context.Context, b *Buffer) error {
	brokers := map[int32][]*part{}
	for _, part := range b.parts {
		leader := part.to.Leaders[part.number]
		if leader < 0 {
			return p.notWritten(part.to.Name, part.number, kerr.LeaderNotAvailable)
		}
		brokers[leader] = append(brokers[leader], part)
	}
	// Sequences are looked up before and after, by one goroutine.
	sends := make(map[int32][]*send, len(brokers))
	for broker, parts := range brokers {
		for _, part := range parts {
			sends[broker] = append(sends[broker], &send{part: part, sequence: p.sequences[place{part.to.Name, part.number}]})
		}
	}
	var g errgroup.Group // without a context: see write
	for broker, all := range sends {
		g.Go(func() error { return p.produceTo(ctx, broker, all) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, all := range sends {
		for _, s := range all {
			p.sequences[place{s.part.to.Name, s.part.number}] = s.sequence
		}
	}
	return nil
}

// send is what is being written to a partition.
type send struct {
	part     *part
	next     int   // builder
	sequence int32 // of its first record
	written  bool  // the builder's batch, in the round that is going on
}

// done skips batches without records and tells whether none is left.
func (s *send) done() bool {
	for s.next < len(s.part.builders) && s.part.builders[s.next].Count() == 0 {
		s.next++
	}
	return s.next == len(s.part.builders)
}

// advance goes on to the next batch.
func (s *send) advance() {
	s.sequence = (s.sequence + int32(s.part.builders[s.next].Count())) & math.MaxInt32
	s.next++
}

// produceTo writes to one broker, round by round.
func (p *Producer) produceTo(ctx context.Context, broker int32, all []*send) error {
	for {
		var round []*send
		for _, s := range all {
			if !s.done() {
				s.written = false
				round = append(round, s)
			}
		}
		if len(round) == 0 {
			return nil
		}
		if err := p.untilFree(ctx, func() error { return p.round(ctx, broker, round) }); err != nil {
			return err
		}
		for _, s := range round {
			s.advance()
		}
	}
}

// round writes a batch of each partition, if it has not been written yet.
func (p *Producer) round(ctx context.Context, broker int32, sends []*send) error {
	req := kmsg.NewPtrProduceRequest()
	req.TransactionID, req.Acks, req.TimeoutMillis = kmsg.StringPtr(p.cfg.ID), -1, int32(produceTimeout.Milliseconds())
	at, names := map[string]int{}, map[[16]byte]string{}
	open := map[place]*send{}
	for _, s := range sends {
		if s.written {
			continue
		}
		name := s.part.to.Name
		i, ok := at[name]
		if !ok {
			i = len(req.Topics)
			at[name], names[s.part.to.ID] = i, name
			t := kmsg.NewProduceRequestTopic()
			t.Topic, t.TopicID = name, s.part.to.ID
			req.Topics = append(req.Topics, t)
		}
		built, err := p.build(s)
		if err != nil {
			return err
		}
		part := kmsg.NewProduceRequestTopicPartition()
		part.Partition, part.Records = s.part.number, built
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, part)
		open[place{name, s.part.number}] = s
	}
	resp, err := p.client.Broker(int(broker)).Request(ctx, req)
	if err != nil {
		for to := range open {
			p.cfg.Topics.Forget(to.topic)
		}
		return fmt.Errorf("writing to broker %d: %w", broker, err)
	}
	answer := resp.(*kmsg.ProduceResponse)
	for i := range answer.Topics {
		if t := &answer.Topics[i]; t.Topic == "" { // since version 13 (KIP-516)
			t.Topic = names[t.TopicID]
		}
	}
	return p.took(answer, open)
}

// build finishes the batch of a send.
func (p *Producer) build(s *send) (batch.Batch, error) {
	b := s.part.builders[s.next]
	b.SetProducer(batch.Producer{ID: p.id, Epoch: p.epoch, Sequence: s.sequence})
	return b.Build()
}

// took goes through a broker's answer. If some partitions have to wait, and the others
// were written, the error is one that passes.
func (p *Producer) took(resp *kmsg.ProduceResponse, open map[place]*send) error {
	var waits error
	for _, t := range resp.Topics {
		for _, part := range t.Partitions {
			to := place{t.Topic, part.Partition}
			s := open[to]
			if s == nil {
				return fmt.Errorf("a broker answers for %q partition %d, to which nothing was written", t.Topic, part.Partition)
			}
			switch err := kerr.ErrorForCode(part.ErrorCode); {
			case err == nil:
				s.written = true
				s.part.end = part.BaseOffset + int64(s.part.builders[s.next].Count())
			case passes(err):
				waits = fmt.Errorf("writing to topic %q, partition %d: %w", t.Topic, part.Partition, err)
			default:
				return p.notWritten(t.Topic, part.Partition, err)
			}
			delete(open, to)
		}
	}
	if waits == nil && len(open) > 0 {
		return fmt.Errorf("a broker does not answer for %d partitions of a request", len(open))
	}
	return waits
}

// notWritten says why a partition was not written to.
func (p *Producer) notWritten(topic string, partition int32, err error) error {
	if passes(err) {
		return fmt.Errorf("writing to topic %q, partition %d: %w", topic, partition, err)
	}
	p.cfg.Topics.Forget(topic)
	for _, refused := range []error{
		kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidTopicException,
		kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.CorruptMessage, kerr.TopicAuthorizationFailed,
		kerr.UnsupportedForMessageFormat, kerr.PolicyViolation,
	} {
		if errors.Is(err, refused) {
			return &RefusedError{topic, partition, err}
		}
	}
	return fmt.Errorf("writing to topic %q, partition %d: %w", topic, partition, fenced(err))
}

// passes tells whether nothing was done, and the same can be asked for again, in the same
// transaction: the one before has not quite ended, or partitions and offsets that join
// at the same time are in each other's way. Apache Kafka calls that NOT_ENOUGH_REPLICAS
// when it answers what is produced.
func passes(err error) bool {
	return errors.Is(err, kerr.ConcurrentTransactions) || errors.Is(err, kerr.NotEnoughReplicas)
}

// patience is how long something is waited for that passes. It is less than what keeps
// readers of other partitions of the transaction waiting for long.
const patience = 3 * time.Second

// untilFree calls f again as long as it is in the way of something that passes.
func (p *Producer) untilFree(ctx context.Context, f func() error) error {
	end := time.Now().Add(patience)
	for try := 0; ; try++ {
		err := f()
		if !passes(err) || time.Now().After(end) {
			return err
		}
		select {
		case <-time.After(backoff(try)):
		case <-ctx.Done():
			return err
		}
	}
}
