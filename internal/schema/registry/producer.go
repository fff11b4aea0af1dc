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
	// errAnother says that the topic is not the one that was read.
	errAnother = errors.New("the topic of schemas was made anew")
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
	topic    [16]byte // the id of the topic that it may write
	now      func() time.Time
	codecs   batch.Codecs
	id       int64
	epoch    int16
	sequence int32
	used     time.Time
}

// newProducer fences those before it, as far as the coordinator goes.
func newProducer(ctx context.Context, client *kgo.Client, topic [16]byte, now func() time.Time) (*producer, error) {
	p := &producer{client: client, topic: topic, now: now, id: -1, epoch: -1}
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

// renew makes sure that a producer that was silent for long was not fenced meanwhile.
func (p *producer) renew(ctx context.Context) error {
	if p.now().Sub(p.used) <= renewAfter {
		return nil
	}
	return p.begin(ctx)
}

// write appends records as one batch, and returns the offset of the last. It is tried
// until ctx ends; ambiguous says that the batch may be there although there is an error:
// the producer must not be used any more, since the next batch would have its sequence
// number, and be taken for it.
func (p *producer) write(ctx context.Context, records []pair) (last int64, ambiguous bool, err error) {
	made, err := p.batch(records)
	if err != nil {
		return 0, false, err
	}
	for {
		base, sent, err := p.send(ctx, made)
		if err == nil {
			p.sequence = int32((uint32(p.sequence) + uint32(len(records))) & 0x7fffffff)
			p.used = p.now()
			return base + int64(len(records)) - 1, false, nil
		}
		if refusal := refusalOf(err, len(made)); refusal != nil {
			return 0, ambiguous, refusal
		}
		// Also a leader that says that it is none any more may have appended it.
		ambiguous = ambiguous || sent
		var code *kerr.Error
		if errors.As(err, &code) && !code.Retriable {
			return 0, ambiguous, err
		}
		if rest(ctx); ctx.Err() != nil {
			return 0, ambiguous, err
		}
	}
}

// refusalOf is why a batch was certainly not appended; nil if that is not certain.
func refusalOf(err error, size int) error {
	switch {
	case isFenced(err):
		return fmt.Errorf("%w: %w", errFenced, err)
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return fmt.Errorf("%w: %d bytes", errTooLarge, size)
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed), errors.Is(err, errAnother):
		return err
	}
	return nil
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
// record. Of a batch that is there already that is the offset that it has. sent says
// that it went out.
func (p *producer) send(ctx context.Context, made []byte) (base int64, sent bool, err error) {
	leader, err := p.leader(ctx)
	if err != nil {
		return 0, false, err
	}
	part := kmsg.NewProduceRequestTopicPartition()
	part.Records = made
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.TopicID = Topic, p.topic
	topic.Partitions = append(topic.Partitions, part)
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, int32(produceTimeout.Milliseconds())
	req.Topics = append(req.Topics, topic)
	answer, err := p.client.Broker(int(leader)).Request(ctx, req)
	if err != nil {
		return 0, true, err
	}
	resp, ok := answer.(*kmsg.ProduceResponse)
	if !ok || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, true, errors.New("the cluster's answer is none to one batch")
	}
	got := &resp.Topics[0].Partitions[0]
	err = kerr.ErrorForCode(got.ErrorCode)
	if err != nil && got.ErrorMessage != nil {
		err = fmt.Errorf("%w: %s", err, *got.ErrorMessage)
	}
	return got.BaseOffset, true, err
}

// leader is the broker that takes what is written. The error is [errAnother] if the
// topic is.
func (p *producer) leader(ctx context.Context) (int32, error) {
	t, err := describe(ctx, p.client)
	if err == nil {
		err = kerr.ErrorForCode(t.ErrorCode)
	}
	switch {
	case err != nil:
		return 0, err
	case t.TopicID != p.topic:
		return 0, fmt.Errorf("%w: its id was %x, and is %x", errAnother, p.topic, t.TopicID)
	case len(t.Partitions) != 1 || t.Partitions[0].Leader < 0:
		return 0, kerr.LeaderNotAvailable
	}
	return t.Partitions[0].Leader, nil
}
