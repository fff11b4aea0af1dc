package group

import (
	"cmp"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/share"
)

// DescribeShareGroupOffsets answers DescribeShareGroupOffsets (versions 0 and 1).
// A partition that the group has not begun with, or that does not exist, has the
// offset -1, and no error. A group that does not exist has no offsets, and no
// error either.
func (c *Coordinator) DescribeShareGroupOffsets(_ ClientInfo, req *kmsg.DescribeShareGroupOffsetsRequest, reply func(*kmsg.DescribeShareGroupOffsetsResponse)) {
	resp := req.ResponseKind().(*kmsg.DescribeShareGroupOffsetsResponse)
	resp.Groups = make([]kmsg.DescribeShareGroupOffsetsResponseGroup, len(req.Groups))
	all := newGather(len(req.Groups), func() { reply(resp) })
	for i := range req.Groups {
		rg, sg := &req.Groups[i], &resp.Groups[i]
		sg.Default()
		sg.GroupID = rg.GroupID
		topics, err := c.positionsAsked(rg)
		if err != nil {
			sg.ErrorCode = err.Code
			all.done()
			continue
		}
		c.describePositions(rg.GroupID, topics, sg, all.done)
	}
	all.done()
}

// positionsAsked is what a request asks of a group: what it names, or all there is.
func (c *Coordinator) positionsAsked(rg *kmsg.DescribeShareGroupOffsetsRequestGroup) ([]kmsg.DescribeShareGroupOffsetsRequestGroupTopic, *kerr.Error) {
	if err := c.check(rg.GroupID); err != nil {
		return nil, err
	}
	if rg.Topics != nil {
		return rg.Topics, nil
	}
	var topics []kmsg.DescribeShareGroupOffsetsRequestGroupTopic
	image, is := c.cfg.Topics.Image(), false
	found := c.with(rg.GroupID, c.find, func(e *entry, _ time.Time) {
		var g *share.Group
		if g, is = e.group.(*share.Group); !is {
			return
		}
		for id, partitions := range g.Topics() {
			if name, ok := image.ByID(id); ok {
				rt := kmsg.NewDescribeShareGroupOffsetsRequestGroupTopic()
				rt.Topic = name
				for n := range partitions {
					rt.Partitions = append(rt.Partitions, n)
				}
				topics = append(topics, rt)
			}
		}
	})
	switch {
	case !found:
		return nil, c.missing(nil)
	case !is:
		return nil, kerr.GroupIDNotFound
	}
	slices.SortFunc(topics, func(a, b kmsg.DescribeShareGroupOffsetsRequestGroupTopic) int { return cmp.Compare(a.Topic, b.Topic) })
	return topics, nil
}

// describePositions fills in sg and calls done.
func (c *Coordinator) describePositions(group string, topics []kmsg.DescribeShareGroupOffsetsRequestGroupTopic, sg *kmsg.DescribeShareGroupOffsetsResponseGroup, done func()) {
	parts := 0
	for i := range topics {
		parts += len(topics[i].Partitions)
	}
	all := newGather(parts, done)
	sg.Topics = make([]kmsg.DescribeShareGroupOffsetsResponseGroupTopic, len(topics))
	for i := range topics {
		rt, st := &topics[i], &sg.Topics[i]
		st.Default()
		st.Topic = rt.Topic
		st.Partitions = make([]kmsg.DescribeShareGroupOffsetsResponseGroupTopicPartition, len(rt.Partitions))
		t := c.resolve(false, rt.Topic, [16]byte{})
		st.TopicID = t.id
		for j, n := range rt.Partitions {
			sp := &st.Partitions[j]
			sp.Default()
			sp.Partition, sp.StartOffset, sp.Lag = n, -1, -1
			if t.err != nil || c.cfg.Queues == nil {
				all.done()
				continue
			}
			c.cfg.Queues.Position(group, t.id, n, func(start, lag int64, err error) {
				if sp.StartOffset, sp.Lag = start, lag; err != nil {
					sp.ErrorCode = errorOf(err).Code
				}
				all.done()
			})
		}
	}
	all.done()
}
