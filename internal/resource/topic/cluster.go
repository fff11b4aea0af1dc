package topic

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A wanted topic is one that the cluster is to have.
type wanted struct {
	name       string
	id         [16]byte // of one to be deleted; zero: by its name
	partitions int32    // 0: as the cluster has it
	replicas   int16    // 0: nobody has said, -1: as the cluster has it
	set        map[string]string
	unset      []string // settings that go back to the cluster's
}

// failures are errors by topic.
type failures map[string]error

func (f failures) note(name string, code int16, message *string) {
	err := kerr.ErrorForCode(code)
	if err != nil && message != nil && *message != "" {
		err = fmt.Errorf("%s (%w)", *message, err)
	}
	if err != nil {
		f[name] = err
	}
}

// all notes an error for each topic.
func (f failures) all(topics []wanted, err error) {
	for _, t := range topics {
		f[t.name] = err
	}
}

// create makes topics, or only says which cannot be made.
func create(ctx context.Context, c *kgo.Client, topics []wanted, only bool) failures {
	failed := failures{}
	if len(topics) == 0 {
		return failed
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.ValidateOnly, req.TimeoutMillis = only, timeoutMillis
	for _, w := range topics {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = w.name, -1, w.replicas
		if w.partitions > 0 {
			t.NumPartitions = w.partitions
		}
		for _, key := range slices.Sorted(maps.Keys(w.set)) {
			s := kmsg.NewCreateTopicsRequestTopicConfig()
			s.Name, s.Value = key, kmsg.StringPtr(w.set[key])
			t.Configs = append(t.Configs, s)
		}
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		failed.all(topics, err)
		return failed
	}
	for _, t := range resp.Topics {
		failed.note(t.Topic, t.ErrorCode, t.ErrorMessage)
	}
	return failed
}

// alter gives topics their settings, or only says which cannot have them.
func alter(ctx context.Context, c *kgo.Client, topics []wanted, only bool) failures {
	failed := failures{}
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.ValidateOnly = only
	for _, w := range topics {
		if len(w.set)+len(w.unset) == 0 {
			continue
		}
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, w.name
		for _, key := range slices.Sorted(maps.Keys(w.set)) {
			s := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			s.Name, s.Op, s.Value = key, kmsg.IncrementalAlterConfigOpSet, kmsg.StringPtr(w.set[key])
			r.Configs = append(r.Configs, s)
		}
		for _, key := range w.unset {
			s := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			s.Name, s.Op = key, kmsg.IncrementalAlterConfigOpDelete
			r.Configs = append(r.Configs, s)
		}
		req.Resources = append(req.Resources, r)
	}
	if len(req.Resources) == 0 {
		return failed
	}
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		failed.all(topics, err)
		return failed
	}
	for _, r := range resp.Resources {
		failed.note(r.ResourceName, r.ErrorCode, r.ErrorMessage)
	}
	return failed
}

// grow gives topics more partitions, or only says which cannot have them.
func grow(ctx context.Context, c *kgo.Client, topics []wanted, only bool) failures {
	failed := failures{}
	if len(topics) == 0 {
		return failed
	}
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.ValidateOnly, req.TimeoutMillis = only, timeoutMillis
	for _, w := range topics {
		t := kmsg.NewCreatePartitionsRequestTopic()
		t.Topic, t.Count = w.name, w.partitions
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		failed.all(topics, err)
		return failed
	}
	for _, t := range resp.Topics {
		failed.note(t.Topic, t.ErrorCode, t.ErrorMessage)
	}
	return failed
}

// remove deletes topics: by their ids (KIP-516), so that one that was made anew is not
// taken for the one before. One that is not there is gone.
func remove(ctx context.Context, c *kgo.Client, topics []wanted) failures {
	failed := failures{}
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = timeoutMillis
	names := map[[16]byte]string{}
	for _, w := range topics {
		t := kmsg.NewDeleteTopicsRequestTopic()
		if names[w.id], t.TopicID = w.name, w.id; w.id == [16]byte{} {
			t.Topic = kmsg.StringPtr(w.name)
		}
		req.Topics, req.TopicNames = append(req.Topics, t), append(req.TopicNames, w.name)
	}
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		failed.all(topics, err)
		return failed
	}
	for _, t := range resp.Topics {
		if t.ErrorCode == kerr.UnknownTopicOrPartition.Code || t.ErrorCode == kerr.UnknownTopicID.Code {
			continue
		}
		name := names[t.TopicID]
		if t.Topic != nil {
			name = *t.Topic
		}
		failed.note(name, t.ErrorCode, t.ErrorMessage)
	}
	return failed
}

// timeoutMillis is how long the cluster may take to make or delete topics.
const timeoutMillis = 15_000

// A found topic is one that the cluster has.
type found struct {
	id         [16]byte // zero where topics have none
	partitions int32
	replicas   int16 // of the partition with the fewest
	settings   map[string]setting
}

// A setting is the value of one, and whether the topic itself has it.
type setting struct {
	value string
	own   bool
}

// find looks topics up; those that are not there are left out.
func find(ctx context.Context, c *kgo.Client, names []string) (map[string]found, error) {
	if len(names) == 0 {
		return nil, nil
	}
	req := kmsg.NewPtrMetadataRequest() // by itself: what a client remembers may be old
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return nil, err
	}
	all := map[string]found{}
	var there []string
	for _, t := range resp.Topics {
		err := kerr.ErrorForCode(t.ErrorCode)
		switch {
		case errors.Is(err, kerr.UnknownTopicOrPartition) || t.Topic == nil:
		case err != nil:
			return nil, fmt.Errorf("topic %q: %w", *t.Topic, err)
		default:
			all[*t.Topic] = found{t.TopicID, int32(len(t.Partitions)), fewest(t.Partitions), map[string]setting{}}
			there = append(there, *t.Topic)
		}
	}
	if len(there) == 0 {
		return all, nil
	}
	configs, err := kadm.NewClient(c).DescribeTopicConfigs(ctx, there...)
	if err != nil {
		return nil, err
	}
	for _, r := range configs {
		if r.Err != nil {
			return nil, fmt.Errorf("settings of topic %q: %w", r.Name, r.Err)
		}
		for _, s := range r.Configs {
			all[r.Name].settings[s.Key] = setting{s.MaybeValue(), s.Source == kmsg.ConfigSourceDynamicTopicConfig}
		}
	}
	return all, nil
}

// fewest is how many replicas the partition has that has the fewest.
func fewest(partitions []kmsg.MetadataResponseTopicPartition) int16 {
	least := int16(math.MaxInt16)
	for _, p := range partitions {
		least = min(least, int16(len(p.Replicas)))
	}
	return least
}

// holding are those of some topics that hold records.
func holding(ctx context.Context, c *kgo.Client, names []string) (map[string]int64, error) {
	admin := kadm.NewClient(c)
	starts, err := admin.ListStartOffsets(ctx, names...)
	if err != nil {
		return nil, err
	}
	ends, err := admin.ListEndOffsets(ctx, names...)
	if err != nil {
		return nil, err
	}
	records := map[string]int64{}
	for name, partitions := range ends {
		for p, end := range partitions {
			start, ok := starts.Lookup(name, p)
			if end.Err != nil || !ok || start.Err != nil {
				return nil, fmt.Errorf("it is not known whether partition %d of %q holds records", p, name)
			}
			records[name] += end.Offset - start.Offset
		}
	}
	return records, nil
}
