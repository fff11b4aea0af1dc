package group

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Settled waits until no transaction that somebody has begun for a task, and can still
// commit, is open, and gives what each of the task's positions was committed with (its
// metadata); none if it has none. To be called by who has been given the task: what was done for it
// before is then in the topics, as far as it ever will be, behind markers that may
// still be under way.
//
// It asks for the positions that are stable (KIP-447): whoever had the task writes its
// outputs and changes before it ends the transaction that has its position, and cannot
// add a position any more, since the group has gone on.
func (g *Group) Settled(ctx context.Context, client *kgo.Client, task int32) ([]string, error) {
	for {
		metadata, err := g.stable(ctx, client, task)
		if !errors.Is(err, kerr.UnstableOffsetCommit) {
			return metadata, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("task %d of %s: a transaction of who had it before is open: %w", task, g.Name(), ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stable asks for a task's positions.
func (g *Group) stable(ctx context.Context, client *kgo.Client, task int32) ([]string, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = true
	asked := kmsg.NewOffsetFetchRequestGroup()
	asked.Group = g.Name()
	for _, topic := range g.cfg.Inputs {
		t := kmsg.NewOffsetFetchRequestGroupTopic()
		t.Topic, t.Partitions = topic, []int32{task}
		asked.Topics = append(asked.Topics, t)
	}
	req.Groups = append(req.Groups, asked)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("positions of task %d in group %s: %w", task, g.Name(), err)
	}
	return metadataOf(resp)
}

// metadataOf is what the positions of an answer were committed with, or the first error.
// An input may have fewer partitions.
func metadataOf(resp *kmsg.OffsetFetchResponse) (all []string, err error) {
	for _, g := range resp.Groups {
		if err := kerr.ErrorForCode(g.ErrorCode); err != nil {
			return nil, err
		}
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
					return nil, err
				}
				switch {
				case p.Offset < 0: // there is none
				case p.Metadata == nil:
					all = append(all, "")
				default:
					all = append(all, *p.Metadata)
				}
			}
		}
	}
	return all, nil
}
