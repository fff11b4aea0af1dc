package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// ConsumerGroupHeartbeat answers ConsumerGroupHeartbeat (versions 0 and 1,
// KIP-848) once what it says is durable.
func (c *Coordinator) ConsumerGroupHeartbeat(client ClientInfo, req *kmsg.ConsumerGroupHeartbeatRequest, reply func(*kmsg.ConsumerGroupHeartbeatResponse)) {
	refuse := func(err error) {
		resp := req.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
		consumer.Refuse(resp, err)
		reply(resp)
	}
	if err := consumer.CheckHeartbeat(req); err != nil {
		refuse(err)
		return
	}
	look := c.find
	if req.MemberEpoch == 0 {
		look = c.obtain
	}
	matches := c.matches(req)
	c.topic.WhenThere(req.Group, func(err *kerr.Error) {
		if err != nil {
			refuse(err)
			return
		}
		if !c.with(req.Group, look, func(e *entry, now time.Time) { c.consumerHeartbeat(e, now, client, req, matches, reply) }) {
			err := notFound("Consumer group %s not found.", req.Group)
			if c.closed() {
				err = kerr.CoordinatorNotAvailable
			}
			refuse(err)
		}
	})
}

func (c *Coordinator) consumerHeartbeat(e *entry, now time.Time, client ClientInfo, req *kmsg.ConsumerGroupHeartbeatRequest, matches consumer.Matches, reply func(*kmsg.ConsumerGroupHeartbeatResponse)) {
	env := c.env(e.id, now)
	env.Matches = matches
	next, err := c.asConsumer(e, env, req.MemberEpoch == 0)
	if err != nil {
		resp := req.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
		consumer.Refuse(resp, err)
		e.later(func() { reply(resp) })
		return
	}
	resp, fx := next.group.Heartbeat(env, consumer.Heartbeat{Client: consumer.Client(client), Request: req, FreshID: freshID()})
	if e.group != machine(next.group) {
		if resp.ErrorCode != 0 { // nothing has happened
			e.later(func() { reply(resp) })
			return
		}
		e.become(now, next.group)
	}
	c.performConsumer(e, now, next.records, fx, func(err *kerr.Error) {
		if err != nil {
			resp = req.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
			consumer.Refuse(resp, err)
		}
		e.later(func() { reply(resp) })
	})
}
