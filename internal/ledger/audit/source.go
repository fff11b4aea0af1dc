package audit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/ledger/fetch"
	"github.com/evidentlog/evident/internal/log/batch"
)

// fetchBytes is how much of a log is read at once.
const fetchBytes = 4 << 20

// A source reads the batches of a partition in the order of their offsets, below
// the high watermark, control records and aborted ones included. One goroutine
// uses it.
type source struct {
	client    *kgo.Client
	topic     string
	id        [16]byte
	partition int32
	leader    int32

	at      int64         // of the next fetch
	batches []byte        // fetched, and not taken yet
	ahead   chan *fetched // an answer that is on its way; nil if none is
}

type fetched struct {
	batches []byte
	err     error
}

// findSources returns the partitions of topics whose ids trees have, by tree.
func (a *Audit) findSources(ctx context.Context) error {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	for topic := range a.wantedTopics() {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &topic
		req.Topics = append(req.Topics, t)
	}
	if len(req.Topics) == 0 {
		return nil
	}
	resp, err := req.RequestWith(ctx, a.cfg.Client)
	if err != nil {
		return err
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		err := kerr.ErrorForCode(t.ErrorCode)
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			continue // deleted
		}
		if err != nil {
			return fmt.Errorf("topic %s: %w", *t.Topic, err)
		}
		for _, p := range t.Partitions {
			a.addSource(&source{client: a.cfg.Client, topic: *t.Topic, id: t.TopicID, partition: p.Partition, leader: p.Leader})
		}
	}
	return nil
}

// addSource gives the newest generation of a partition's tree its records.
func (a *Audit) addSource(s *source) {
	var newest *treeLog
	for _, t := range a.trees {
		if t.Topic == s.topic && t.Partition == s.partition && t.TopicID == base64.RawURLEncoding.EncodeToString(s.id[:]) &&
			(newest == nil || t.Generation > newest.Generation) {
			newest = t
		}
	}
	if newest != nil && !newest.closed {
		newest.source = s
	}
}

// start begins to read at an offset, or at the log's start if that is later.
func (s *source) start(ctx context.Context, at int64) error {
	first, err := s.earliest(ctx)
	s.at = max(at, first)
	return err
}

// next returns the next batch; ok is false if the log has no more.
func (s *source) next(ctx context.Context) (b batch.Batch, ok bool, err error) {
	for {
		if len(s.batches) > 0 {
			first, rest, err := batch.Next(s.batches)
			if err == nil {
				s.batches, s.at = rest, first.NextOffset()
				return first, true, nil
			}
			s.batches = nil
			if !errors.Is(err, batch.ErrShort) {
				return nil, false, err
			}
		}
		if s.batches, err = s.read(ctx); err != nil || len(s.batches) == 0 {
			return nil, false, err
		}
	}
}

// read returns batches from s.at on, and asks for those behind them.
func (s *source) read(ctx context.Context) ([]byte, error) {
	if s.ahead == nil {
		s.ask(ctx, s.at)
	}
	f := <-s.ahead
	s.ahead = nil
	if f.err == nil && len(f.batches) > 0 {
		if end := endOf(f.batches); end > s.at {
			s.ask(ctx, end)
		}
	}
	return f.batches, f.err
}

// endOf is the offset behind the last whole batch.
func endOf(batches []byte) (end int64) {
	for len(batches) > 0 {
		b, rest, err := batch.Next(batches)
		if err != nil {
			break
		}
		end, batches = b.NextOffset(), rest
	}
	return end
}

// ask fetches ahead. Whoever stops early calls stop.
func (s *source) ask(ctx context.Context, at int64) {
	answer := make(chan *fetched, 1)
	s.ahead = answer
	go func() {
		f := &fetched{}
		f.batches, f.err = s.fetch(ctx, at)
		answer <- f
	}()
}

// stop waits for an answer that nobody wants.
func (s *source) stop() {
	if s.ahead != nil {
		<-s.ahead
		s.ahead = nil
	}
}

// fetchTries is how often a fetch is tried while leaders change.
const fetchTries = 10

func (s *source) fetch(ctx context.Context, at int64) (batches []byte, err error) {
	for range fetchTries {
		batches, err = s.tryFetch(ctx, at)
		switch {
		case errors.Is(err, kerr.OffsetOutOfRange):
			first, err := s.earliest(ctx)
			if err != nil || first <= at {
				return nil, err // behind the end: there is no more
			}
			at = first
			continue
		case !kerr.IsRetriable(err):
			return batches, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		if err := s.findLeader(ctx); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s/%d at offset %d: %w", s.topic, s.partition, at, err)
}

func (s *source) tryFetch(ctx context.Context, at int64) ([]byte, error) {
	from := fetch.Partition{Client: s.client, Leader: s.leader, Topic: s.topic, ID: s.id, Number: s.partition}
	found, err := from.Read(ctx, at, fetchBytes, 0)
	if err != nil {
		return nil, err
	}
	return found.RecordBatches, nil
}

func (s *source) findLeader(ctx context.Context) error {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &s.topic
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, s.client)
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.Partition == s.partition {
				s.leader = p.Leader
			}
		}
	}
	return nil
}

// earliest asks for the first offset of the partition.
func (s *source) earliest(ctx context.Context) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = s.topic
	q := kmsg.NewListOffsetsRequestTopicPartition()
	q.Partition, q.Timestamp = s.partition, -2
	t.Partitions = append(t.Partitions, q)
	req.Topics = append(req.Topics, t)
	answer, err := s.client.Broker(int(s.leader)).RetriableRequest(ctx, req)
	if err != nil {
		return 0, err
	}
	for _, t := range answer.(*kmsg.ListOffsetsResponse).Topics {
		for _, r := range t.Partitions {
			return r.Offset, kerr.ErrorForCode(r.ErrorCode)
		}
	}
	return 0, fmt.Errorf("ListOffsets of %s/%d: the answer is empty", s.topic, s.partition)
}
