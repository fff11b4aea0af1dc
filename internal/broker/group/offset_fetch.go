package group

import (
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetFetch answers OffsetFetch (versions 1 to 10): several groups at once
// from version 8, topics by id from 10. With RequireStable (KIP-447) the answer
// waits for commits that are on their way to the disk, and says
// UNSTABLE_OFFSET_COMMIT of those in transactions that have not ended.
func (c *Coordinator) OffsetFetch(_ ClientInfo, req *kmsg.OffsetFetchRequest, reply func(*kmsg.OffsetFetchResponse)) {
	groups := req.Groups
	if req.Version < 8 {
		groups = []kmsg.OffsetFetchRequestGroup{groupOf(req)}
	}
	resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	resp.Groups = make([]kmsg.OffsetFetchResponseGroup, len(groups))
	all := newGather(len(groups), func() {
		if req.Version < 8 {
			flatten(resp)
		}
		reply(resp)
	})
	for i := range groups {
		f := fetch{req: &groups[i], resp: &resp.Groups[i], byID: req.Version >= 10}
		c.fetch(f, req.RequireStable, all.done)
	}
	all.done()
}

// groupOf turns a request for one group into the form of version 8.
func groupOf(req *kmsg.OffsetFetchRequest) kmsg.OffsetFetchRequestGroup {
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = req.Group
	if req.Topics == nil {
		return g // all topics
	}
	g.Topics = make([]kmsg.OffsetFetchRequestGroupTopic, len(req.Topics))
	for i, t := range req.Topics {
		g.Topics[i].Topic, g.Topics[i].Partitions = t.Topic, t.Partitions
	}
	return g
}

// flatten turns the one group of a response into the form before version 8.
// Version 1 has no place for the group's error but in the partitions.
func flatten(resp *kmsg.OffsetFetchResponse) {
	g := &resp.Groups[0]
	resp.ErrorCode = g.ErrorCode
	for _, gt := range g.Topics {
		t := kmsg.NewOffsetFetchResponseTopic()
		t.Topic = gt.Topic
		for _, gp := range gt.Partitions {
			p := kmsg.OffsetFetchResponseTopicPartition(gp)
			if resp.Version < 2 && g.ErrorCode != 0 {
				p.ErrorCode = g.ErrorCode
			}
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	resp.Groups = nil
}

// fetch is the part of an OffsetFetch that concerns one group.
type fetch struct {
	req  *kmsg.OffsetFetchRequestGroup
	resp *kmsg.OffsetFetchResponseGroup
	byID bool

	topics   []wanted // nil: all that the group has
	unstable map[topicPartition]bool
}

// wanted is one topic of a fetch.
type wanted struct {
	topic      resolved
	partitions []int32
}

// fetch fills in f.resp and then calls done. A group that does not exist has
// no offsets, which is not an error.
func (c *Coordinator) fetch(f fetch, stable bool, done func()) {
	f.resp.Group = f.req.Group
	for _, rt := range f.req.Topics {
		f.topics = append(f.topics, wanted{c.resolve(f.byID, rt.Topic, rt.TopicID), rt.Partitions})
	}
	if err := c.topic.Check(f.req.Group); err != nil {
		f.resp.ErrorCode = err.Code
		f.fill(nil)
		done()
		return
	}
	found := c.with(f.req.Group, c.find, func(e *entry, _ time.Time) {
		if err := e.mayFetch(f.req.MemberID, f.req.MemberEpoch); err != nil {
			f.resp.ErrorCode = err.Code
			e.later(done)
			return
		}
		if !stable {
			c.read(e, f, done)
			return
		}
		e.afterWrites(func(*kerr.Error) {
			f.unstable = e.pending.partitions()
			c.read(e, f, done)
		})
	})
	if !found {
		f.fill(nil)
		done()
	}
}

func (c *Coordinator) read(e *entry, f fetch, done func()) {
	if f.req.Topics != nil {
		f.fill(e.offsets)
		e.later(done)
		return
	}
	offsets := e.offsets.clone()
	e.later(func() {
		f.topics = c.everything(offsets, f.byID)
		f.fill(offsets)
		done()
	})
}

// everything is what a request without topics asks for.
func (c *Coordinator) everything(offsets offsetTable, byID bool) []wanted {
	var all []wanted
	for _, name := range offsets.topics() {
		t := c.resolve(false, name, [16]byte{})
		if byID && t.err != nil {
			continue // it cannot be named
		}
		all = append(all, wanted{t, offsets.partitions(name)})
	}
	return all
}

// fill answers from a group's offsets.
func (f *fetch) fill(offsets offsetTable) {
	f.resp.Topics = make([]kmsg.OffsetFetchResponseGroupTopic, len(f.topics))
	for i, w := range f.topics {
		st := &f.resp.Topics[i]
		st.Topic, st.TopicID = w.topic.name, w.topic.id
		for _, p := range w.partitions {
			st.Partitions = append(st.Partitions, f.partition(w.topic, p, offsets))
		}
	}
}

func (f *fetch) partition(t resolved, partition int32, offsets offsetTable) kmsg.OffsetFetchResponseGroupTopicPartition {
	p := kmsg.NewOffsetFetchResponseGroupTopicPartition()
	p.Partition, p.Offset, p.Metadata = partition, -1, kmsg.StringPtr("")
	if f.byID && t.err != nil {
		p.ErrorCode = t.err.Code
		return p
	}
	tp := topicPartition{t.name, partition}
	if f.unstable[tp] {
		p.ErrorCode = kerr.UnstableOffsetCommit.Code
		return p
	}
	if o, ok := offsets.get(tp); ok && o.of(t.id) {
		p.Offset, p.LeaderEpoch, p.Metadata = o.offset, o.leaderEpoch, &o.metadata
	}
	return p
}

// gather calls then when it has been called done once for each part and once
// for having given them all out.
type gather struct {
	left atomic.Int64
	then func()
}

func newGather(parts int, then func()) *gather {
	g := &gather{then: then}
	g.left.Store(int64(parts) + 1)
	return g
}

func (g *gather) done() {
	if g.left.Add(-1) == 0 {
		g.then()
	}
}
