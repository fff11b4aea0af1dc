package registry

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A Producer is one that tests write with as another writer would.
type Producer struct{ producer *producer }

// Pair is a record as the topic has it.
type Pair struct{ Key, Value []byte }

// NewProducer fences those before it.
func NewProducer(ctx context.Context, client *kgo.Client, now func() time.Time) (*Producer, error) {
	t, err := describe(ctx, client)
	if err != nil {
		return nil, err
	}
	p, err := newProducer(ctx, client, t.TopicID, now)
	return &Producer{p}, err
}

// Write appends records as one batch.
func (p *Producer) Write(ctx context.Context, all []Pair) (last int64, ambiguous bool, err error) {
	var pairs []pair
	for _, one := range all {
		pairs = append(pairs, pair{one.Key, one.Value})
	}
	if err := p.producer.renew(ctx); err != nil {
		return 0, false, err
	}
	return p.producer.write(ctx, pairs)
}
