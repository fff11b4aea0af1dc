package group

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/tool/offset"
)

// describeProgress is description for a group of the consumer protocol, of
// which the client library does not compute the lag.
func describeProgress(ctx context.Context, adm *kadm.Client, g *kadm.DescribedConsumerGroup) (Description, error) {
	d := Description{
		Group: g.Group, Type: typeConsumer, State: g.State, Balancer: g.AssignorName, Coordinator: g.Coordinator.NodeID,
		Members: []Member{}, Partitions: []Partition{},
	}
	readers := map[offset.Partition]*kadm.ConsumerGroupMember{}
	for i := range g.Members {
		m := &g.Members[i]
		d.Members = append(d.Members, consumerMember(m))
		m.Assignment.Each(func(topic string, partition int32) {
			readers[offset.Partition{Topic: topic, Partition: partition}] = m
		})
	}
	committed, err := adm.FetchOffsets(ctx, g.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return d, err
	}
	spans, err := spansOf(ctx, adm, readers, committed)
	if err != nil {
		return d, err
	}
	for _, p := range slices.SortedFunc(maps.Keys(spans), comparePartitions) {
		reader := readers[p]
		c, ok := committed.Lookup(p.Topic, p.Partition)
		if ok && c.Err == nil || reader != nil {
			d.add(p, spans[p], c, ok && c.Err == nil, reader)
		}
	}
	return d, nil
}

func consumerMember(m *kadm.ConsumerGroupMember) Member {
	member := Member{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost}
	if m.InstanceID != nil {
		member.InstanceID = *m.InstanceID
	}
	m.Assignment.Each(func(string, int32) { member.Partitions++ })
	return member
}

// spansOf are the offsets there are in topics that somebody reads or has
// committed offsets of.
func spansOf(ctx context.Context, adm *kadm.Client, readers map[offset.Partition]*kadm.ConsumerGroupMember, committed kadm.OffsetResponses) (map[offset.Partition]offset.Span, error) {
	details, err := adm.ListTopicsWithInternal(ctx)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for p := range readers {
		names[p.Topic] = details.Has(p.Topic)
	}
	for topic := range committed {
		names[topic] = details.Has(topic)
	}
	maps.DeleteFunc(names, func(_ string, exists bool) bool { return !exists })
	if len(names) == 0 {
		return nil, nil
	}
	return offset.Spans(ctx, adm, slices.Sorted(maps.Keys(names)))
}

// add tells how far the group has come in a partition. Where it has committed
// nothing, all that is there is still to be read.
func (d *Description) add(at offset.Partition, span offset.Span, c kadm.OffsetResponse, committed bool, reader *kadm.ConsumerGroupMember) {
	p := Partition{Topic: at.Topic, Partition: at.Partition, Committed: -1, Start: span.Start, End: span.End, Lag: span.End - span.Start}
	if committed {
		p.Committed, p.Lag = c.At, max(span.End-c.At, 0)
	}
	if reader != nil {
		p.MemberID, p.ClientID = reader.MemberID, reader.ClientID
	}
	d.TotalLag += p.Lag
	d.Partitions = append(d.Partitions, p)
}

func comparePartitions(a, b offset.Partition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
}
