// Package gap tells whether there is anything to be read between two offsets of a partition.
// Markers of transactions, records of aborted ones, and what compaction has removed leave
// offsets at which there is nothing: no client says so, and whoever waits to be given the
// record before an offset may wait for ever.
package gap

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A Partition is one of a topic.
type Partition struct {
	Client *kgo.Client
	Topic  string
	Number int32
	// Markers: those of transactions count as something.
	Markers bool
}

// Empty tells whether nothing that is committed can be read between two offsets, now or later.
func (p Partition) Empty(ctx context.Context, from, to int64) (bool, error) {
	for from < to {
		records, next, err := p.read(ctx, from)
		switch {
		case err != nil:
			return false, err
		case len(records) > 0:
			return records[0].Offset >= to, nil
		case next <= from:
			return false, nil
		}
		from = next
	}
	return true, nil
}

// End is the offset after the last committed record that can be read between two offsets, or
// from if there is none. All up to the offset `to` is settled: no transaction is open there.
func (p Partition) End(ctx context.Context, from, to int64) (int64, error) {
	for width := int64(1); ; width *= 2 {
		begin := max(from, to-width)
		end, err := p.last(ctx, begin, to)
		if err != nil || end > begin || begin == from {
			return end, err
		}
	}
}

// last is End, from the front.
func (p Partition) last(ctx context.Context, from, to int64) (int64, error) {
	end := from
	for from < to {
		records, next, err := p.read(ctx, from)
		if err != nil {
			return 0, err
		}
		for _, r := range records {
			if r.Offset < to {
				end = r.Offset + 1
			}
		}
		if next <= from {
			return 0, fmt.Errorf("partition %d of %q sends nothing at offset %d, before %d", p.Number, p.Topic, from, to)
		}
		from = next
	}
	return end, nil
}

// read gives the committed records of a fetch at an offset, and where to go on.
func (p Partition) read(ctx context.Context, from int64) ([]*kgo.Record, int64, error) {
	got, err := p.fetch(ctx, from)
	if err != nil {
		return nil, 0, err
	}
	parsed, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		KeepControlRecords: p.Markers, Offset: from, IsolationLevel: kgo.ReadCommitted(), Topic: p.Topic, Partition: p.Number,
	}, got, kgo.DefaultDecompressor(), nil)
	return parsed.Records, next, parsed.Err
}

// fetch asks the partition's leader for what comes at an offset.
func (p Partition) fetch(ctx context.Context, from int64) (*kmsg.FetchResponseTopicPartition, error) {
	topics, err := kadm.NewClient(p.Client).ListTopicsWithInternal(ctx, p.Topic)
	if err != nil {
		return nil, err
	}
	found, ok := topics[p.Topic].Partitions[p.Number]
	if !ok {
		return nil, fmt.Errorf("partition %d of %q: %w", p.Number, p.Topic, kerr.UnknownTopicOrPartition)
	}
	req := kmsg.NewPtrFetchRequest()
	req.IsolationLevel, req.MaxWaitMillis, req.MaxBytes, req.ReplicaID = 1, 0, 1<<20, -1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = p.Topic, topics[p.Topic].ID
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes, part.CurrentLeaderEpoch = p.Number, from, 1<<20, -1
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	resp, err := p.Client.Broker(int(found.Leader)).Request(ctx, req)
	if err != nil {
		return nil, err
	}
	got := resp.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
		return nil, err
	}
	for _, t := range got.Topics {
		for i := range t.Partitions {
			return &t.Partitions[i], kerr.ErrorForCode(t.Partitions[i].ErrorCode)
		}
	}
	return nil, fmt.Errorf("partition %d of %q: the cluster sends nothing", p.Number, p.Topic)
}
