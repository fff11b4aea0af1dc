package standby

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/process/state"
)

// Timestamps that stand for offsets in ListOffsets.
const (
	latest   = -1
	earliest = -2
)

// topicCache is what was learned of the changelog's topic, for a while.
type topicCache struct {
	sync.Mutex
	id         [16]byte
	tombstones time.Duration
	at         time.Time
}

// topicAge is how long it is good for.
const topicAge = 10 * time.Second

// changelogs are what tasks' partitions of the changelog have, up to their ends: what
// is read up to there has all that was begun before.
func (k *Keeper) changelogs(ctx context.Context, tasks []int32) (map[int32]state.Changelog, error) {
	id, tombstones, err := k.describe(ctx)
	if err != nil {
		return nil, err
	}
	starts, err := k.offsets(ctx, tasks, earliest)
	if err != nil {
		return nil, err
	}
	ends, err := k.offsets(ctx, tasks, latest)
	if err != nil {
		return nil, err
	}
	all := map[int32]state.Changelog{}
	for _, t := range tasks {
		all[t] = state.Changelog{Topic: id, Start: starts[t], End: ends[t], Tombstones: tombstones}
	}
	return all, nil
}

// describe asks for the topic's id and settings.
func (k *Keeper) describe(ctx context.Context) ([16]byte, time.Duration, error) {
	c := &k.topic
	c.Lock()
	defer c.Unlock()
	if now := k.cfg.Now(); !c.at.IsZero() && now.Sub(c.at) < topicAge {
		return c.id, c.tombstones, nil
	}
	admin := kadm.NewClient(k.client)
	topics, err := admin.ListTopics(ctx, k.cfg.Topic)
	if err == nil {
		err = topics.Error()
	}
	if err != nil {
		return c.id, 0, err
	}
	tombstones, err := k.tombstones(ctx, admin)
	if err != nil {
		return c.id, 0, err
	}
	c.id, c.tombstones, c.at = topics[k.cfg.Topic].ID, tombstones, k.cfg.Now()
	return c.id, c.tombstones, nil
}

// tombstones is how long the topic keeps deletions; 0 is for ever.
func (k *Keeper) tombstones(ctx context.Context, admin *kadm.Client) (time.Duration, error) {
	const setting = "delete.retention.ms"
	found, err := admin.DescribeTopicConfigs(ctx, k.cfg.Topic)
	if err != nil {
		return 0, err
	}
	for _, topic := range found {
		if topic.Err != nil {
			return 0, topic.Err
		}
		for _, c := range topic.Configs {
			if c.Key != setting {
				continue
			}
			ms, err := strconv.ParseInt(c.MaybeValue(), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s of %s: %w", setting, k.cfg.Topic, err)
			}
			return max(time.Millisecond, time.Duration(ms)*time.Millisecond), nil
		}
	}
	return 0, fmt.Errorf("the cluster does not say what %s of %s is", setting, k.cfg.Topic)
}

// offsets asks where partitions begin or end. The end is that of all that is written,
// open transactions with it.
func (k *Keeper) offsets(ctx context.Context, tasks []int32, which int64) (map[int32]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = k.cfg.Topic
	for _, t := range tasks {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp, p.CurrentLeaderEpoch = t, which, -1
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, k.client)
	if err != nil {
		return nil, err
	}
	all := map[int32]int64{}
	for _, topic := range resp.Topics {
		for _, p := range topic.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("partition %d: %w", p.Partition, err)
			}
			all[p.Partition] = p.Offset
		}
	}
	for _, t := range tasks {
		if _, ok := all[t]; !ok {
			return nil, fmt.Errorf("partition %d: the cluster does not say where it is", t)
		}
	}
	return all, nil
}
