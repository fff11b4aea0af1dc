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
// to find that it cannot be made. It waits for brokers that are away.
func (c *Consumer) makeLetters(ctx context.Context) error {
	for !c.noLetters && ctx.Err() == nil {
		err := c.makeTopic(ctx)
		if err == nil {
			return nil
		}
		if said := (*kerr.Error)(nil); errors.As(err, &said) && !said.Retriable {
			return fmt.Errorf("make topic %s for dead letters: %w (make it yourself, name another with DeadLetters, or do without: NoDeadLetters)", c.letters, err)
		}
		c.client.cfg.logger.WarnContext(ctx, "the topic for dead letters waits", "group", c.group, "topic", c.letters, "reason", err)
		sleep(ctx, commitEvery)
	}
	return ctx.Err()
}

func (c *Consumer) makeTopic(ctx context.Context) error {
	topics, err := c.client.admin.ListTopics(ctx, c.letters)
	if err != nil || topics.Has(c.letters) {
		return err
	}
	_, err = c.client.admin.CreateTopic(ctx, -1, -1, nil, c.letters)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}
