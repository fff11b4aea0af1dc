package txn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrNoTopic says that there is no topic of a name.
var ErrNoTopic = errors.New("topic does not exist")

const (
	// topicAge is after how long a topic is asked for again: partitions may have been
	// added. Kafka's metadata.max.age.ms.
	topicAge = 5 * time.Minute
	// defaultMaxBytes is Kafka's max.message.bytes.
	defaultMaxBytes = 1048588
)

// A Topic is what a producer has to know of one. It is not changed.
type Topic struct {
	Name string
	// ID tells it from others of the same name (KIP-516); zero on old clusters.
	ID [16]byte
	// Leaders are the partitions' brokers, by number; -1 without one.
	Leaders []int32
	// MaxBytes is how large a batch may be (max.message.bytes).
	MaxBytes int

	asked time.Time
}

// Topics are what is known of topics. It is safe for concurrent use.
type Topics struct {
	client *kgo.Client // nil: every name is a topic with so many partitions
	fixed  int32
	mu     struct {
		sync.RWMutex
		known map[string]*Topic
	}
}

// NewTopics asks by client, which is its owner's to close.
func NewTopics(client *kgo.Client) *Topics {
	t := &Topics{client: client}
	t.mu.known = map[string]*Topic{}
	return t
}

// AnyTopics asks nobody: every name is that of a topic with so many partitions. It is for
// code that is run without a cluster.
func AnyTopics(partitions int32) *Topics {
	t := NewTopics(nil)
	t.fixed = partitions
	return t
}

// Topic is what is known of a topic, which is asked for if need be. The error wraps
// [ErrNoTopic] if it does not exist; it is never created.
func (t *Topics) Topic(ctx context.Context, name string) (*Topic, error) {
	t.mu.RLock()
	known := t.mu.known[name]
	t.mu.RUnlock()
	if known != nil && time.Since(known.asked) < topicAge {
		return known, nil
	}
	asked, err := t.ask(ctx, name)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.mu.known[name] = asked
	t.mu.Unlock()
	return asked, nil
}

// Forget has a topic asked for again: what is known of it was wrong.
func (t *Topics) Forget(name string) {
	t.mu.Lock()
	delete(t.mu.known, name)
	t.mu.Unlock()
}

// ask asks the cluster.
func (t *Topics) ask(ctx context.Context, name string) (*Topic, error) {
	if t.client == nil {
		return &Topic{Name: name, Leaders: make([]int32, t.fixed), MaxBytes: defaultMaxBytes, asked: time.Now()}, nil
	}
	req := kmsg.NewPtrMetadataRequest()
	one := kmsg.NewMetadataRequestTopic()
	one.Topic = &name
	req.Topics = append(req.Topics, one)
	resp, err := req.RequestWith(ctx, t.client)
	if err != nil {
		return nil, fmt.Errorf("asking for topic %q: %w", name, err)
	}
	if len(resp.Topics) != 1 {
		return nil, fmt.Errorf("asking for topic %q: %d topics in the answer", name, len(resp.Topics))
	}
	of := resp.Topics[0]
	switch err := kerr.ErrorForCode(of.ErrorCode); {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.InvalidTopicException):
		return nil, fmt.Errorf("%w: %q", ErrNoTopic, name)
	case err != nil && !errors.Is(err, kerr.LeaderNotAvailable):
		return nil, fmt.Errorf("asking for topic %q: %w", name, err)
	}
	topic := &Topic{Name: name, ID: of.TopicID, Leaders: make([]int32, len(of.Partitions)), asked: time.Now()}
	for _, p := range of.Partitions {
		if int(p.Partition) < len(topic.Leaders) {
			topic.Leaders[p.Partition] = p.Leader
		}
	}
	if topic.MaxBytes, err = t.maxBytes(ctx, name); err != nil {
		return nil, err
	}
	return topic, nil
}

// maxBytes asks for max.message.bytes. Who may not read it uses Kafka's default.
func (t *Topics) maxBytes(ctx context.Context, name string) (int, error) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeTopic, name, []string{"max.message.bytes"}
	req.Resources = append(req.Resources, r)
	resp, err := req.RequestWith(ctx, t.client)
	if err != nil {
		return 0, fmt.Errorf("asking for max.message.bytes of topic %q: %w", name, err)
	}
	for _, r := range resp.Resources {
		for _, c := range r.Configs {
			if c.Value == nil {
				continue
			}
			if n, err := strconv.Atoi(*c.Value); err == nil && n > 0 {
				return n, nil
			}
		}
	}
	return defaultMaxBytes, nil
}
