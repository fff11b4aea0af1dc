package search

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// patience is how long a search waits for the index to come to the log's end:
	// longer than the ledger needs to find a topic that is new.
	patience = 3 * time.Second
	// waitStep is how often it looks.
	waitStep = 10 * time.Millisecond
)

// A partition is one of a topic.
type partition struct {
	topic  string
	number int32
}

// An end is where a partition's log ended.
type end struct {
	partition
	offset int64
}

// await waits until the index has what could be read when it was called, of a
// topic or of all. It returns where it gave up.
func (s *Searcher) await(ctx context.Context, topic string) (behind []Behind, err error) {
	ends, err := s.ends(ctx, topic)
	if err != nil {
		return nil, err
	}
	for until := time.Now().Add(patience); ; {
		behind = s.short(ends)
		if !slices.ContainsFunc(behind, s.comes) || !time.Now().Before(until) {
			return behind, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(waitStep):
		}
	}
}

// comes tells whether a partition that is behind will catch up.
func (s *Searcher) comes(b Behind) bool { return s.Here == nil || s.Here(b.Topic, b.Partition) }

// short tells which partitions are not indexed to their ends.
func (s *Searcher) short(ends []end) (behind []Behind) {
	reached := map[partition]int64{}
	for _, p := range s.Index.Partitions("") {
		at := partition{p.Name().Topic, p.Name().Partition}
		reached[at] = max(reached[at], p.Next())
	}
	for _, end := range ends {
		if at := reached[end.partition]; at < end.offset {
			behind = append(behind, Behind{end.topic, end.number, at, end.offset})
		}
	}
	return behind
}

// ends returns where the logs of topics end that are indexed, or are to be.
func (s *Searcher) ends(ctx context.Context, topic string) (ends []end, err error) {
	topics, err := s.topics(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("topics: %w", err)
	}
	const latest = -1
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	for i := range topics {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = *topics[i].Topic
		for _, p := range topics[i].Partitions {
			q := kmsg.NewListOffsetsRequestTopicPartition()
			q.Partition, q.Timestamp = p.Partition, latest
			t.Partitions = append(t.Partitions, q)
		}
		req.Topics = append(req.Topics, t)
	}
	if len(req.Topics) == 0 {
		return nil, nil
	}
	resp, err := req.RequestWith(ctx, s.Reader.Client)
	if err != nil {
		return nil, fmt.Errorf("the ends of %d topics: %w", len(req.Topics), err)
	}
	for i := range resp.Topics {
		for _, p := range resp.Topics[i].Partitions {
			if p.ErrorCode == 0 { // else it is going, or has no leader
				ends = append(ends, end{partition{resp.Topics[i].Topic, p.Partition}, p.Offset})
			}
		}
	}
	return ends, nil
}

// topics returns a topic, or all, without those that are not indexed.
func (s *Searcher) topics(ctx context.Context, topic string) ([]kmsg.MetadataResponseTopic, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	if topic != "" {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &topic
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, s.Reader.Client)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(resp.Topics, func(t kmsg.MetadataResponseTopic) bool {
		return t.ErrorCode != 0 || t.Topic == nil || !s.Indexed(*t.Topic, base64.RawURLEncoding.EncodeToString(t.TopicID[:]))
	}), nil
}
