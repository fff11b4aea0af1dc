package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/share"
)

// AlterShareGroupOffsets answers AlterShareGroupOffsets (version 0) once the
// offsets are durable. Only groups without members can be altered; one that does
// not exist is made.
func (c *Coordinator) AlterShareGroupOffsets(_ ClientInfo, req *kmsg.AlterShareGroupOffsetsRequest, reply func(*kmsg.AlterShareGroupOffsetsResponse)) {
	a := &alteration{c: c, req: req, resp: req.ResponseKind().(*kmsg.AlterShareGroupOffsetsResponse)}
	answer := func(err error) {
		if err != nil {
			a.resp.ErrorCode, a.resp.ErrorMessage = errorOf(err).Code, kmsg.StringPtr(err.Error())
			a.resp.Topics = nil
		}
		reply(a.resp)
	}
	if err := c.check(req.GroupID); err != nil {
		answer(err)
		return
	}
	a.check()
	c.topic.WhenThere(req.GroupID, func(err *kerr.Error) {
		if err != nil {
			answer(err)
			return
		}
		c.onQueues(req.GroupID, true, a.run, answer)
	})
}

// onQueues has run do something to the queues of a share group that has no members,
// and finish called then with the group; then answer. make is set to make the group
// if there is none.
func (c *Coordinator) onQueues(id string, make bool, run func(finish func(err error, f func(*share.Group, share.Env) share.Effects)), answer func(error)) {
	look := c.find
	if make {
		look = c.obtain
	}
	found := c.with(id, look, func(e *entry, _ time.Time) {
		e.afterWrites(func(err *kerr.Error) {
			why := error(err)
			if err == nil {
				why = c.reserve(e, make)
			}
			if why != nil {
				e.later(func() { answer(why) })
				return
			}
			e.later(func() { run(c.finisher(e, answer)) })
		})
	})
	if !found {
		answer(c.missing(kerr.GroupIDNotFound))
	}
}

// finisher gives the group to f, if there is no error, and answers when what f
// has changed is durable.
func (c *Coordinator) finisher(e *entry, answer func(error)) func(error, func(*share.Group, share.Env) share.Effects) {
	return func(err error, f func(*share.Group, share.Env) share.Effects) {
		c.unreserve(e, func(g *share.Group, now time.Time) {
			if err != nil {
				e.later(func() { answer(err) })
				return
			}
			c.performShare(e, f(g, c.shareEnv(e.id, now, c.cfg.Topics.Image())), func(err *kerr.Error) {
				e.later(func() {
					if err != nil {
						answer(err)
						return
					}
					answer(nil)
				})
			})
		})
	}
}

// alteration is an AlterShareGroupOffsets on its way.
type alteration struct {
	c    *Coordinator
	req  *kmsg.AlterShareGroupOffsetsRequest
	resp *kmsg.AlterShareGroupOffsetsResponse
	list []share.Beginning // topics that are altered, all of them
	set  []positionSet
}

type positionSet struct {
	topic     [16]byte
	partition int32
	offset    int64
	result    *kmsg.AlterShareGroupOffsetsResponseTopicPartition
}

// check sorts out what cannot be altered.
func (a *alteration) check() {
	a.resp.Topics = make([]kmsg.AlterShareGroupOffsetsResponseTopic, len(a.req.Topics))
	for i := range a.req.Topics {
		rt, st := &a.req.Topics[i], &a.resp.Topics[i]
		t := a.c.resolve(false, rt.Topic, [16]byte{})
		st.Default()
		st.Topic, st.TopicID = rt.Topic, t.id
		st.Partitions = make([]kmsg.AlterShareGroupOffsetsResponseTopicPartition, len(rt.Partitions))
		if t.err == nil && t.partitions > 0 {
			a.list = append(a.list, share.Beginning{Topic: t.id, Count: t.partitions})
		}
		for j, rp := range rt.Partitions {
			sp := &st.Partitions[j]
			sp.Default()
			sp.Partition = rp.Partition
			switch {
			case t.err != nil || rp.Partition < 0 || rp.Partition >= t.partitions:
				sp.ErrorCode = kerr.UnknownTopicOrPartition.Code
			case rp.StartOffset < 0:
				sp.ErrorCode = kerr.InvalidRequest.Code
			default:
				a.set = append(a.set, positionSet{t.id, rp.Partition, rp.StartOffset, sp})
			}
		}
	}
}

// run lets the group begin with the topics, as it would for a member, and then
// sets the offsets.
func (a *alteration) run(finish func(error, func(*share.Group, share.Env) share.Effects)) {
	a.c.cfg.Queues.Begin(a.req.GroupID, a.list, func(err error) {
		if err != nil {
			finish(err, nil)
			return
		}
		all := newGather(len(a.set), func() {
			finish(nil, func(g *share.Group, env share.Env) share.Effects { return g.Begun(env, a.list) })
		})
		for _, s := range a.set {
			a.c.cfg.Queues.SetPosition(a.req.GroupID, s.topic, s.partition, s.offset, func(err error) {
				if err != nil {
					s.result.ErrorCode = errorOf(err).Code
				}
				all.done()
			})
		}
		all.done()
	})
}
