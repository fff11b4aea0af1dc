package group

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/tool"
	"github.com/evidentlog/evident/internal/tool/offset"
)

// describeQueue is description for a share group. Its members share partitions,
// so none is named for them.
func describeQueue(ctx context.Context, adm *kadm.Client, g *kadm.DescribedShareGroup) (Description, error) {
	d := Description{
		Group: g.GroupID, Type: typeShare, State: g.GroupState, Balancer: g.Assignor, Coordinator: g.Coordinator.NodeID,
		Members: []Member{}, Partitions: []Partition{},
	}
	for _, m := range g.Members {
		member := Member{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost}
		m.Assignment.Each(func(string, int32) { member.Partitions++ })
		d.Members = append(d.Members, member)
	}
	starts, err := shareStarts(ctx, adm, g.GroupID)
	if err != nil {
		return d, err
	}
	spans, err := spansOfTopics(ctx, adm, starts)
	if err != nil {
		return d, err
	}
	for _, o := range starts.Sorted() {
		span, ok := spans[offset.Partition{Topic: o.Topic, Partition: o.Partition}]
		if !ok || o.Err == nil && o.StartOffset < 0 {
			continue // the topic is gone, or the group has not begun with it
		}
		p := Partition{Topic: o.Topic, Partition: o.Partition, Committed: o.StartOffset, Start: span.Start, End: span.End, Lag: o.Lag}
		if o.Lag < 0 { // a cluster that does not know it (KIP-1226)
			p.Lag = max(0, span.End-o.StartOffset)
		}
		if o.Err != nil {
			p.Lag, p.Error = -1, o.Err.Error()
		}
		d.TotalLag += max(0, p.Lag)
		d.Partitions = append(d.Partitions, p)
	}
	return d, nil
}

// shareStarts are the offsets of a share group's first unfinished records.
func shareStarts(ctx context.Context, adm *kadm.Client, group string) (kadm.ShareOffsets, error) {
	all, err := adm.DescribeShareGroupOffsets(ctx, group)
	if err != nil {
		return nil, err
	}
	g := all[group]
	if g.Err != nil {
		return nil, &tool.RefusedError{Doing: fmt.Sprintf("describe the offsets of share group %q", group), Code: g.Err}
	}
	return g.Offsets, nil
}

// spansOfTopics is what the topics of a share group that exist hold.
func spansOfTopics(ctx context.Context, adm *kadm.Client, starts kadm.ShareOffsets) (map[offset.Partition]offset.Span, error) {
	details, err := adm.ListTopicsWithInternal(ctx)
	if err != nil {
		return nil, err
	}
	var topics []string
	for topic := range starts {
		if details.Has(topic) {
			topics = append(topics, topic)
		}
	}
	if len(topics) == 0 {
		return nil, nil
	}
	return offset.Spans(ctx, adm, topics)
}

// committedOf are the offsets of a share group's first unfinished records, in the
// form of those that consumer groups commit.
func committedOf(ctx context.Context, adm *kadm.Client, group string) (kadm.OffsetResponses, error) {
	starts, err := shareStarts(ctx, adm, group)
	if err != nil {
		return nil, err
	}
	committed := kadm.OffsetResponses{}
	starts.Each(func(o kadm.ShareOffset) {
		if o.Err == nil && o.StartOffset >= 0 {
			committed.Add(kadm.OffsetResponse{Offset: kadm.Offset{Topic: o.Topic, Partition: o.Partition, At: o.StartOffset, LeaderEpoch: -1}})
		}
	})
	return committed, nil
}

// begin lets a share group begin at other offsets.
func begin(ctx context.Context, adm *kadm.Client, name string, moves []Moved) error {
	var offsets kadm.Offsets
	for _, m := range moves {
		offsets.AddOffset(m.Topic, m.Partition, m.After, -1)
	}
	answers, err := adm.AlterShareGroupOffsets(ctx, name, offsets)
	if err == nil {
		err = answers.Error()
	}
	return notReset("share group", name, err)
}
