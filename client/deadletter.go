package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// letter makes the dead letter of a task's record; bare without key, value and headers
// of the original.
func (c *Consumer) letter(t *task, reason error, bare bool) *kgo.Record {
	of := eventRecord(t.record)
	if bare {
		of = event.Record{}
	}
	dead := event.DeadLetter{
		Topic: t.record.Topic, Partition: t.record.Partition, Offset: t.record.Offset, Group: c.group,
		Attempts: t.tries, Reason: reason.Error(), Time: c.client.cfg.now(),
	}
	if p := (*PanicError)(nil); errors.As(reason, &p) {
		dead.Stack = string(p.Stack)
	}
	return kafkaRecord(c.letters, &event.Record{Key: of.Key, Value: of.Value, Headers: dead.Headers(of.Headers)})
}

// makeLetters makes the topic for dead letters, if it is not there, with the number of
// partitions and replicas that the cluster gives topics: when it is needed is too late
// to find that it cannot be made.
func (c *Consumer) makeLetters(ctx context.Context) error {
	if c.noLetters {
		return nil
	}
	details, err := c.client.admin.ListTopics(ctx, c.letters)
	if err == nil && details.Has(c.letters) {
		return nil
	}
	if err == nil {
		_, err = c.client.admin.CreateTopic(ctx, -1, -1, nil, c.letters)
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("make topic %s for dead letters: %w (make it yourself, name another with DeadLetters, or do without: NoDeadLetters)", c.letters, err)
	}
	return nil
}
