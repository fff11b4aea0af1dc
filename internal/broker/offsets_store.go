package broker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/evidentlog/evident/internal/broker/group"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
)

// offsetsReadBytes is how much of __consumer_offsets is read at once.
const offsetsReadBytes = 1 << 20

// offsetsStore is the topic __consumer_offsets for the group coordinator.
type offsetsStore struct{ broker *Broker }

func (s offsetsStore) topic() *metadata.Topic {
	return s.broker.store.Snapshot().Topic(metadata.OffsetsTopic)
}

// partition returns the partition numbered n, or an error.
func (s offsetsStore) partition(n int32) (*log.Partition, error) {
	if t := s.topic(); t != nil && t.Partition(n) != nil {
		return t.Partition(n), nil
	}
	return nil, fmt.Errorf("%w: %s-%d", metadata.ErrUnknownTopic, metadata.OffsetsTopic, n)
}

// Partitions implements [group.Store].
func (s offsetsStore) Partitions() int32 {
	if t := s.topic(); t != nil {
		return int32(len(t.Partitions))
	}
	return 0
}

// offsetsSpec is how the topic is created, as Kafka does it.
func (b *Broker) offsetsSpec() metadata.Spec {
	return metadata.Spec{Name: metadata.OffsetsTopic, Partitions: b.cfg.OffsetsPartitions, Configs: map[string]string{
		"cleanup.policy":   "compact",
		"compression.type": "producer",
		"segment.bytes":    strconv.Itoa(100 << 20),
	}}
}

// Create implements [group.Store].
func (s offsetsStore) Create(context.Context) (int32, error) {
	c := s.broker.store.Create([]metadata.Spec{s.broker.offsetsSpec()}, false)[0]
	if c.Err != nil && !errors.Is(c.Err, metadata.ErrExists) {
		return 0, c.Err
	}
	return s.Partitions(), nil
}

// Append implements [group.Store].
func (s offsetsStore) Append(partition int32, raw []byte, done func(error)) {
	p, err := s.partition(partition)
	if err == nil {
		_, err = p.Append(raw, log.AckDurable, done)
	}
	if err != nil {
		if errors.Is(err, log.ErrBatchTooLarge) {
			err = fmt.Errorf("%w: %w", group.ErrTooLarge, err)
		}
		done(err)
	}
}

// Read implements [group.Store].
func (s offsetsStore) Read(ctx context.Context, partition int32, fn func([]byte) error) error {
	p, err := s.partition(partition)
	if err != nil {
		return err
	}
	for at := p.LogStart(); at < p.HighWatermark(); {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		raw, next, err := readWhole(p, at)
		if err != nil {
			return fmt.Errorf("read %s-%d from offset %d: %w", metadata.OffsetsTopic, partition, at, err)
		}
		if err := fn(raw); err != nil {
			return err
		}
		at = next
	}
	return nil
}

// readWhole reads whole batches from offset at on, at least one, and tells
// which offset follows.
func readWhole(p *log.Partition, at int64) (raw []byte, next int64, err error) {
	slice, err := p.Read(at, offsetsReadBytes, true)
	if err != nil {
		return nil, 0, err
	}
	defer slice.Close()
	if raw, err = slice.Bytes(); err != nil {
		return nil, 0, err
	}
	next = at
	for rest := raw; len(rest) > 0; {
		b, after, err := batch.Next(rest)
		if errors.Is(err, batch.ErrShort) && next > at { // the last batch is cut
			return raw[:len(raw)-len(rest)], next, nil
		}
		if err != nil {
			return nil, 0, err
		}
		rest, next = after, b.LastOffset()+1
	}
	if next == at {
		return nil, 0, fmt.Errorf("%w: no records below the high watermark %d", log.ErrCorruption, p.HighWatermark())
	}
	return raw, next, nil
}

// groupTopics tells the coordinator of topics.
type groupTopics struct{ store *metadata.Store }

// Image implements [group.Topics].
func (g groupTopics) Image() consumer.Topics { return topicImage{g.store.Snapshot()} }

// topicImage is all topics at one moment for groups that the node assigns
// partitions to.
type topicImage struct{ *metadata.Snapshot }

// ByName implements [consumer.Topics].
func (i topicImage) ByName(name string) (id [16]byte, partitions int32, ok bool) {
	if t := i.Topic(name); t != nil {
		return t.ID, int32(len(t.Partitions)), true
	}
	return id, 0, false
}

// ByID implements [consumer.Topics].
func (i topicImage) ByID(id [16]byte) (name string, ok bool) {
	if t := i.TopicByID(id); t != nil {
		return t.Name, true
	}
	return "", false
}

// Names implements [consumer.Topics].
func (i topicImage) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for t := range i.All() {
			if !yield(t.Name) {
				return
			}
		}
	}
}

// TopicByName implements [group.Topics].
func (g groupTopics) TopicByName(name string) (id [16]byte, partitions int32, ok bool) {
	t := g.store.Snapshot().Topic(name)
	if t == nil {
		return id, 0, false
	}
	return t.ID, int32(len(t.Partitions)), true
}

// TopicByID implements [group.Topics].
func (g groupTopics) TopicByID(id [16]byte) (name string, partitions int32, ok bool) {
	t := g.store.Snapshot().TopicByID(id)
	if t == nil {
		return "", 0, false
	}
	return t.Name, int32(len(t.Partitions)), true
}
