package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/classic"
	"github.com/evidentlog/evident/internal/broker/group/share"
)

// OffsetDelete answers OffsetDelete (version 0, KIP-496) once the offsets are
// gone from the disk. Offsets of topics that the group's consumers read stay.
func (c *Coordinator) OffsetDelete(_ ClientInfo, req *kmsg.OffsetDeleteRequest, reply func(*kmsg.OffsetDeleteResponse)) {
	resp := req.ResponseKind().(*kmsg.OffsetDeleteResponse)
	answer := func(err *kerr.Error) {
		if err != nil {
			resp.ErrorCode, resp.Topics = err.Code, nil
		}
		reply(resp)
	}
	if err := c.check(req.Group); err != nil {
		answer(err)
		return
	}
	known := make([]resolved, len(req.Topics))
	for i, t := range req.Topics {
		known[i] = c.resolve(false, t.Topic, [16]byte{})
	}
	found := c.with(req.Group, c.find, func(e *entry, _ time.Time) {
		later := func(err *kerr.Error) { e.later(func() { answer(err) }) }
		e.afterWrites(func(err *kerr.Error) {
			if err == nil {
				err = deletable(e.group)
			}
			if err != nil {
				later(err)
				return
			}
			c.writeTombstones(e, planDelete(e, req, resp, known), later)
		})
	})
	if !found {
		answer(c.missing(kerr.GroupIDNotFound))
	}
}

// deletable refuses to delete offsets of groups with members of which it is
// not known what they read.
func deletable(m machine) *kerr.Error {
	switch g := m.(type) {
	case *classic.Group:
		if !g.Empty() && g.ProtocolType() != classic.ConsumerProtocol {
			return kerr.NonEmptyGroup
		}
	case *share.Group: // it has positions, not offsets
		return kerr.GroupIDNotFound
	}
	return nil
}

// planDelete fills in resp and returns the offsets to delete.
func planDelete(e *entry, req *kmsg.OffsetDeleteRequest, resp *kmsg.OffsetDeleteResponse, known []resolved) []topicPartition {
	var tps []topicPartition
	for i, rt := range req.Topics {
		st := kmsg.NewOffsetDeleteResponseTopic()
		st.Topic = rt.Topic
		err := known[i].err
		if err == nil && e.group.Subscribed(rt.Topic) {
			err = kerr.GroupSubscribedToTopic
		}
		for _, rp := range rt.Partitions {
			sp := kmsg.NewOffsetDeleteResponseTopicPartition()
			err := err
			if err == nil && (rp.Partition < 0 || rp.Partition >= known[i].partitions) {
				err = kerr.UnknownTopicOrPartition
			}
			sp.Partition, sp.ErrorCode = rp.Partition, codeOf(err)
			st.Partitions = append(st.Partitions, sp)
			tp := topicPartition{rt.Topic, rp.Partition}
			if _, ok := e.offsets.get(tp); ok && err == nil {
				tps = append(tps, tp)
			}
		}
		resp.Topics = append(resp.Topics, st)
	}
	return tps
}
