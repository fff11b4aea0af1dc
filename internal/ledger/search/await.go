package search

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/ledger/index"
)

const (
	// patience is how long a search waits for the index to come to the log's end:
	// longer than the ledger needs to find a topic that is new.
	patience = 3 * time.Second
	// waitStep is how long it waits at first before it looks again.
	waitStep = 10 * time.Millisecond
	// waitMost is up to how long it waits, longer and longer: each look costs as much
	// as there are partitions.
	waitMost = 100 * time.Millisecond
)

// An end is where a partition's log ended.
type end struct {
	topic   string
	topicID string // another topic may have had the name
	number  int32
	offset  int64
}

// gaps are what a search cannot see.
type gaps struct {
	behind    []Behind
	elsewhere []Elsewhere
}

// damaged notes a partition of which a part was found to be damaged.
func (g *gaps) damaged(name index.Name, searched, end int64) {
	g.behind = append(g.behind, Behind{name.Topic, name.Partition, searched, end})
}

// await waits until the index has what could be read when it was called, of a
// topic or of all. It returns where it gave up.
func (s *Searcher) await(ctx context.Context, topic string) (g gaps, err error) {
	ends, err := s.ends(ctx, topic)
	if err != nil {
		return g, err
	}
	until := time.Now().Add(patience)
	for rest := waitStep; ; rest = min(2*rest, waitMost) {
		if topic != "" && len(ends) > 0 && !s.Indexed(topic, ends[0].topicID) {
			return g, noIndex(topic) // it was new, and its settings not known
		}
		var opening bool
		g, opening = s.short(topic, ends)
		if len(g.behind) == 0 && !opening || !time.Now().Before(until) {
			return g, nil
		}
		select {
		case <-ctx.Done():
			return g, ctx.Err()
		case <-time.After(rest):
		}
	}
}

// short tells which partitions are not indexed to their ends: those that will be,
// and those that are other nodes'; and whether one of a topic that was asked for is
// still to be opened, empty or not.
func (s *Searcher) short(topic string, ends []end) (g gaps, opening bool) {
	type partition struct {
		topicID string
		number  int32
	}
	reached := map[partition]int64{}
	for _, p := range s.Index.Partitions(topic) {
		at := partition{p.Name().TopicID, p.Name().Partition}
		reached[at] = max(reached[at], p.Next())
	}
	for _, end := range ends {
		at, open := reached[partition{end.topicID, end.number}]
		here := s.Here == nil || s.Here(end.topic, end.number)
		opening = opening || here && !open && topic != ""
		switch {
		case at >= end.offset:
		case here:
			g.behind = append(g.behind, Behind{end.topic, end.number, at, end.offset})
		default:
			g.noteElsewhere(end.topic, end.number)
		}
	}
	return g, opening
}

// noteElsewhere notes a partition that is another node's; those of a topic follow
// one another.
func (g *gaps) noteElsewhere(topic string, number int32) {
	if n := len(g.elsewhere); n > 0 && g.elsewhere[n-1].Topic == topic {
		g.elsewhere[n-1].Partitions = append(g.elsewhere[n-1].Partitions, number)
		return
	}
	g.elsewhere = append(g.elsewhere, Elsewhere{topic, []int32{number}})
}

// ends returns where the logs of topics end that are indexed, or are to be.
func (s *Searcher) ends(ctx context.Context, topic string) (ends []end, err error) {
	topics, err := s.topics(ctx, topic)
	if err != nil {
		return nil, err
	}
	const latest = -1
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	ids := map[string]string{}
	for i := range topics {
		ids[*topics[i].Topic] = idOf(&topics[i])
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
			topic := resp.Topics[i].Topic
			switch err := kerr.ErrorForCode(p.ErrorCode); {
			case err == nil:
				ends = append(ends, end{topic, ids[topic], p.Partition, p.Offset})
			case errors.Is(err, kerr.UnknownTopicOrPartition): // it has just been deleted
			default: // what it has cannot be known: an answer without it would claim to be whole
				return nil, fmt.Errorf("the end of %s/%d: %w", topic, p.Partition, err)
			}
		}
	}
	slices.SortFunc(ends, func(a, b end) int { return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.number, b.number)) })
	return ends, nil
}

// topics returns a topic, or all without those that are not indexed.
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
	if topic != "" && len(resp.Topics) == 1 {
		return resp.Topics, s.check(topic, &resp.Topics[0])
	}
	return slices.DeleteFunc(resp.Topics, func(t kmsg.MetadataResponseTopic) bool {
		return t.ErrorCode != 0 || t.Topic == nil || !s.Indexed(*t.Topic, idOf(&t))
	}), nil
}

// check tells why a topic that was asked for cannot be searched.
func (s *Searcher) check(name string, t *kmsg.MetadataResponseTopic) error {
	err := kerr.ErrorForCode(t.ErrorCode)
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.InvalidTopicException):
		return fmt.Errorf("%w: %q", ErrNoTopic, name)
	case err != nil:
		return fmt.Errorf("topic %q: %w", name, err)
	case !s.Indexed(name, idOf(t)):
		return noIndex(name)
	}
	return nil
}

func noIndex(topic string) error {
	return fmt.Errorf("%w: %q; records of topics without a ledger, or with evident.index=off, are found by their offsets only", ErrNoIndex, topic)
}

func idOf(t *kmsg.MetadataResponseTopic) string {
	return base64.RawURLEncoding.EncodeToString(t.TopicID[:])
}
