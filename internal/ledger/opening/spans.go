package opening

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/log/batch"
)

// A Span is what a partition has: the offsets from Start up to, and without, End.
type Span struct {
	Topic     string
	TopicID   string // as origins have it
	Partition int32
	Start     int64
	End       int64 // the high watermark
}

// TopicID writes a topic's id as origins have it.
func TopicID(id [16]byte) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// Topics returns the ids of all topics but internal ones, as origins have them.
func (r *Reader) Topics(ctx context.Context) (map[string]string, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = nil // all
	resp, err := req.RequestWith(ctx, r.Client)
	if err != nil {
		return nil, err
	}
	topics := map[string]string{}
	for _, t := range resp.Topics {
		if t.ErrorCode == 0 && t.Topic != nil && !t.IsInternal {
			topics[*t.Topic] = TopicID(t.TopicID)
		}
	}
	return topics, nil
}

// Spans returns what the partitions of a topic have, by their numbers. The error
// is ErrNoRecord if there is no such topic.
func (r *Reader) Spans(ctx context.Context, topic string) ([]Span, error) {
	t, err := r.metadata(ctx, topic)
	if err != nil {
		return nil, err
	}
	var spans []Span
	for _, p := range t.Partitions {
		spans = append(spans, Span{Topic: topic, TopicID: TopicID(t.TopicID), Partition: p.Partition})
	}
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.Partition, b.Partition) })
	const earliest, latest = -2, -1
	starts, err1 := r.offsets(ctx, spans, earliest)
	ends, err2 := r.offsets(ctx, spans, latest)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("offsets of topic %q: %w", topic, err)
	}
	for i := range spans {
		spans[i].Start, spans[i].End = starts[spans[i].Partition], ends[spans[i].Partition]
	}
	return spans, nil
}

// offsets asks for an offset of each partition of a topic, by its name in the
// protocol.
func (r *Reader) offsets(ctx context.Context, spans []Span, which int64) (map[int32]int64, error) {
	offsets := map[int32]int64{}
	if len(spans) == 0 {
		return offsets, nil
	}
	req := kmsg.NewPtrListOffsetsRequest()
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = spans[0].Topic
	for _, s := range spans {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = s.Partition, which
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	for _, shard := range r.Client.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, fmt.Errorf("partition %d: %w", p.Partition, err)
				}
				offsets[p.Partition] = p.Offset
			}
		}
	}
	if len(offsets) != len(spans) {
		return nil, fmt.Errorf("the cluster told them of %d partitions of %d", len(offsets), len(spans))
	}
	return offsets, nil
}

// EachBatch calls visit with the batches that have offsets of s, in order; CRCs are
// checked. A batch may reach beyond either end, and a batch is valid during its
// call only.
func (r *Reader) EachBatch(ctx context.Context, s Span, visit func(batch.Batch) error) error {
	p, err := r.find(ctx, Place{Topic: s.Topic, Partition: s.Partition})
	if err != nil {
		return err
	}
	for next := s.Start; next < s.End; {
		batches, err := p.fetch(ctx, next, fetchBytes)
		if err != nil {
			return fmt.Errorf("%s/%d: %w", s.Topic, s.Partition, err)
		}
		before := next
		for b := batches; len(b) > 0 && next < s.End; {
			first, rest, err := batch.Next(b)
			if err != nil {
				break // cut off: read again from there
			}
			if err := first.Check(); err != nil {
				return fmt.Errorf("%s/%d@%d: %w", s.Topic, s.Partition, first.BaseOffset(), err)
			}
			if first.NextOffset() > next {
				if err := visit(first); err != nil {
					return err
				}
				next = first.NextOffset()
			}
			b = rest
		}
		if next == before {
			return fmt.Errorf("%s/%d: the cluster gives nothing from offset %d on, and the log ends at %d", s.Topic, s.Partition, next, s.End)
		}
	}
	return nil
}

// Codecs decodes what EachBatch gives.
func (r *Reader) Codecs() *batch.Codecs { return &r.codecs }
