package evidenttest

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topic is what was read of a topic: what is committed and still there.
type topic struct {
	name       string
	id         kadm.TopicID
	partitions []partition
}

type partition struct {
	start, stable, end int64 // offsets: first, end of what is decided, end
	next               int64 // to be read
	records            []*kgo.Record
}

// copy is what others may look at while the topic is read further.
func (t *topic) copy() *topic {
	return &topic{name: t.name, id: t.id, partitions: slices.Clone(t.partitions)}
}

// records are those of all partitions, one partition after another.
func (t *topic) records() []*kgo.Record {
	var all []*kgo.Record
	for _, p := range t.partitions {
		all = append(all, p.records...)
	}
	return all
}

// read reads what is new.
func (t *topic) read(ctx context.Context, client *kgo.Client, partitions int) error {
	for len(t.partitions) < partitions {
		t.partitions = append(t.partitions, partition{})
	}
	for again := true; again; {
		answer, err := client.Broker(nodeID).RetriableRequest(ctx, t.fetch())
		if err != nil {
			return err
		}
		again = false
		fetched := answer.(*kmsg.FetchResponse)
		if err := kerr.ErrorForCode(fetched.ErrorCode); err != nil {
			return err
		}
		for _, ft := range fetched.Topics {
			for _, fp := range ft.Partitions {
				more, err := t.take(&fp)
				if err != nil {
					return err
				}
				again = again || more
			}
		}
	}
	return nil
}

// nodeID is the node's id as a broker.
const nodeID = 1

// fetch asks for what comes next in each partition, and waits for nothing.
func (t *topic) fetch() *kmsg.FetchRequest {
	ft := kmsg.NewFetchRequestTopic()
	ft.Topic, ft.TopicID = t.name, t.id
	for i, p := range t.partitions {
		fp := kmsg.NewFetchRequestTopicPartition()
		fp.Partition, fp.FetchOffset, fp.PartitionMaxBytes = int32(i), p.next, 16<<20
		ft.Partitions = append(ft.Partitions, fp)
	}
	r := kmsg.NewPtrFetchRequest()
	r.MaxBytes, r.IsolationLevel, r.SessionEpoch = 64<<20, 1, -1
	r.Topics = append(r.Topics, ft)
	return r
}

// take takes what was fetched of a partition. It tells whether there is more.
func (t *topic) take(fp *kmsg.FetchResponseTopicPartition) (more bool, err error) {
	p := &t.partitions[fp.Partition]
	if fp.ErrorCode == kerr.OffsetOutOfRange.Code {
		p.records, p.next = nil, fp.LogStartOffset // deleted meanwhile
		return true, nil
	}
	got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset: p.next, IsolationLevel: kgo.ReadCommitted(), Topic: t.name, Partition: fp.Partition,
	}, fp, kgo.DefaultDecompressor(), nil)
	if got.Err != nil {
		return false, got.Err
	}
	p.start, p.stable, p.end = got.LogStartOffset, got.LastStableOffset, got.HighWatermark
	p.records = slices.Clip(append(p.records, got.Records...))
	for len(p.records) > 0 && p.records[0].Offset < p.start {
		p.records = p.records[1:]
	}
	more = next > p.next && next < p.stable
	p.next = max(p.next, next)
	return more, nil
}

// after is how many records there are from an offset on.
func (p *partition) after(offset int64) int {
	i, _ := slices.BinarySearchFunc(p.records, offset, func(r *kgo.Record, o int64) int { return int(r.Offset - o) })
	return len(p.records) - i
}
