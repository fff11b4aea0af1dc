package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log/batch"
)

const (
	// transactionalID makes producers with it fence one another; no transaction is ever
	// begun.
	transactionalID = "evident-schemas"
	// renewAfter is how long a producer may be silent before it makes sure that it was
	// not fenced meanwhile: partitions forget producers after a day (Kafka:
	// producer.id.expiration.ms).
	renewAfter = 10 * time.Minute
	// produceTimeout is how long replicas may take to follow.
	produceTimeout = 10 * time.Second
	// compressFrom is the size in bytes from which a batch is worth compressing.
	compressFrom = 16 << 10
)

var (
	// errFenced says that another writer has begun, or that this one is forgotten.
	errFenced = errors.New("another node writes schemas by now")
	// errTooLarge says that a batch is larger than the topic takes.
	errTooLarge = errors.New("larger than the topic takes (max.message.bytes)")
)

// A pair is a record as the topic has it.
type pair struct{ key, value []byte }

// A producer writes the topic a batch at a time. It is an idempotent producer (KIP-98)
// with an epoch above those before it: once its first batch is there the partition takes
// none of theirs. It is one goroutine's.
type producer struct {
	client   *kgo.Client
	now      func() time.Time
	codecs   batch.Codecs
	id       int64
	epoch    int16
	sequence int32
	used     time.Time
}

// newProducer fences those before it, as far as the coordinator goes.
func newProducer(ctx context.Context, client *kgo.Client, now func() time.Time) (*producer, error) {
	p := &producer{client: client, now: now, id: -1, epoch: -1}
	return p, p.begin(ctx)
}

// begin takes a new epoch, if nobody else has since the one that the producer has now
// (KIP-360).
func (p *producer) begin(ctx context.Context) error {
	for {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID = kmsg.StringPtr(transactionalID)
		req.TransactionTimeoutMillis = int32(produceTimeout.Milliseconds())
		req.ProducerID, req.ProducerEpoch = p.id, p.epoch
		resp, err := req.RequestWith(ctx, p.client)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		switch {
		case err == nil:
			p.id, p.epoch, p.sequence, p.used = resp.ProducerID, resp.ProducerEpoch, 0, p.now()
			return nil
		case isFenced(err):
			return fmt.Errorf("%w: %w", errFenced, err)
		case !kerr.IsRetriable(err) || ctx.Err() != nil:
			return fmt.Errorf("transactional id %s: %w", transactionalID, err)
		}
		rest(ctx)
	}
}

func isFenced(err error) bool {
	for _, fenced := range []error{kerr.InvalidProducerEpoch, kerr.ProducerFenced, kerr.InvalidProducerIDMapping, kerr.UnknownProducerID, kerr.OutOfOrderSequenceNumber} {
		if errors.Is(err, fenced) {
			return true
		}
	}
	return false
}

// write appends records as one batch, and returns the offset of the last. It is tried
// until ctx ends; ambiguous says that the batch may be there although there is an error.
func (p *producer) write(ctx context.Context, records []pair) (last int64, ambiguous bool, err error) {
	if p.now().Sub(p.used) > renewAfter {
		if err := p.begin(ctx); err != nil {
			return 0, false, err
		}
	}
	made, err := p.batch(records)
	if err != nil {
		return 0, false, err
	}
	for {
		base, err := p.send(ctx, made)
		var code *kerr.Error
		switch {
		case err == nil:
			p.sequence = int32((uint32(p.sequence) + uint32(len(records))) & 0x7fffffff)
			p.used = p.now()
			return base + int64(len(records)) - 1, false, nil
		case isFenced(err):
			return 0, ambiguous, fmt.Errorf("%w: %w", errFenced, err)
		case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
			return 0, false, fmt.Errorf("%w: %d bytes", errTooLarge, len(made))
		case errors.As(err, &code) && !code.Retriable:
			return 0, ambiguous, err
		case !errors.As(err, &code), errors.Is(err, kerr.RequestTimedOut), errors.Is(err, kerr.NotEnoughReplicasAfterAppend):
			ambiguous = true // it may have been appended, and is not appended twice
		}
		if rest(ctx); ctx.Err() != nil {
			return 0, ambiguous, err
		}
	}
}

func (p *producer) batch(records []pair) ([]byte, error) {
	head := batch.Head{Producer: &batch.Producer{ID: p.id, Epoch: p.epoch, Sequence: p.sequence}}
	size := 0
	for _, r := range records {
		size += len(r.key) + len(r.value)
	}
	if size >= compressFrom {
		head.Codec = batch.Zstd
	}
	b := p.codecs.NewBuilder(head)
	for _, r := range records {
		if err := b.Append(batch.Record{Timestamp: p.now().UnixMilli(), Key: r.key, Value: r.value}); err != nil {
			return nil, err
		}
	}
	return b.Build()
}

// send sends a batch to the partition's leader, and returns the offset of its first
// record. Of a batch that is there already that is the offset that it has.
func (p *producer) send(ctx context.Context, made []byte) (base int64, err error) {
	t, err := describe(ctx, p.client)
	if err != nil {
		return 0, err
	}
	if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
		return 0, err
	}
	if len(t.Partitions) != 1 || t.Partitions[0].Leader < 0 {
		return 0, kerr.LeaderNotAvailable
	}
	part := kmsg.NewProduceRequestTopicPartition()
	part.Records = made
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.TopicID = Topic, t.TopicID
	topic.Partitions = append(topic.Partitions, part)
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, int32(produceTimeout.Milliseconds())
	req.Topics = append(req.Topics, topic)
	answer, err := p.client.Broker(int(t.Partitions[0].Leader)).Request(ctx, req)
	if err != nil {
		return 0, err
	}
	resp, ok := answer.(*kmsg.ProduceResponse)
	if !ok || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, errors.New("the cluster's answer is none to one batch")
	}
	got := &resp.Topics[0].Partitions[0]
	err = kerr.ErrorForCode(got.ErrorCode)
	if err != nil && got.ErrorMessage != nil {
		err = fmt.Errorf("%w: %s", err, *got.ErrorMessage)
	}
	return got.BaseOffset, err
}
