package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/group/share"
)

// ShareGroupHeartbeat answers ShareGroupHeartbeat (version 1, KIP-932) once what
// it says is durable.
func (c *Coordinator) ShareGroupHeartbeat(client ClientInfo, req *kmsg.ShareGroupHeartbeatRequest, reply func(*kmsg.ShareGroupHeartbeatResponse)) {
	h := &shareHeartbeat{c: c, client: consumer.Client(client), req: req, reply: reply, look: c.find}
	if req.MemberEpoch == 0 {
		h.look = c.obtain
	}
	err := share.CheckHeartbeat(req)
	if c.cfg.Queues == nil {
		err = kerr.UnsupportedVersion
	}
	if err != nil {
		h.refuse(err)
		return
	}
	c.topic.WhenThere(req.GroupID, func(err *kerr.Error) {
		if err != nil {
			h.refuse(err)
			return
		}
		h.begin()
	})
}

// shareHeartbeat is a ShareGroupHeartbeat on its way.
type shareHeartbeat struct {
	c      *Coordinator
	client consumer.Client
	req    *kmsg.ShareGroupHeartbeatRequest
	reply  func(*kmsg.ShareGroupHeartbeatResponse)
	look   func(string) *entry
	topics consumer.Topics // as they were when the heartbeat came
}

func (h *shareHeartbeat) refuse(err error) {
	resp := h.req.ResponseKind().(*kmsg.ShareGroupHeartbeatResponse)
	share.Refuse(resp, err)
	h.reply(resp)
}

// with calls f with the group, if it is or can become a share group.
func (h *shareHeartbeat) with(f func(e *entry, g *share.Group, now time.Time)) {
	found := h.c.with(h.req.GroupID, h.look, func(e *entry, now time.Time) {
		g, err := h.c.asShare(e, h.req.MemberEpoch == 0)
		if err == nil && e.reserved {
			err = kerr.CoordinatorNotAvailable
		}
		if err != nil {
			e.later(func() { h.refuse(err) })
			return
		}
		f(e, g, now)
	})
	switch {
	case found:
	case h.c.closed():
		h.refuse(kerr.CoordinatorNotAvailable)
	default:
		h.refuse(notFound("Share group %s not found.", h.req.GroupID))
	}
}

// begin lets the group begin with what it has to before the heartbeat can be
// answered, which is most often nothing.
func (h *shareHeartbeat) begin() {
	h.topics = h.c.cfg.Topics.Image()
	h.with(func(e *entry, g *share.Group, now time.Time) {
		list := g.Beginnings(h.topics, h.req)
		if len(list) == 0 {
			h.step(e, g, now, nil)
			return
		}
		e.later(func() {
			h.c.cfg.Queues.Begin(e.id, list, func(err error) {
				if err != nil {
					h.refuse(errorOf(err))
					return
				}
				h.with(func(e *entry, g *share.Group, now time.Time) { h.step(e, g, now, list) })
			})
		})
	})
}

// step steps the group with the heartbeat. The lock is held.
func (h *shareHeartbeat) step(e *entry, g *share.Group, now time.Time, list []share.Beginning) {
	env := h.c.shareEnv(e.id, now, h.topics)
	begun := g.Begun(env, list)
	resp, fx := g.Heartbeat(env, h.client, h.req)
	if resp.ErrorCode == 0 {
		e.group = g
	}
	fx.Records = append(begun.Records, fx.Records...)
	if e.group != machine(g) { // a new group that came to nothing
		e.later(func() { h.reply(resp) })
		return
	}
	h.c.performShare(e, fx, func(err *kerr.Error) {
		if err != nil {
			resp = h.req.ResponseKind().(*kmsg.ShareGroupHeartbeatResponse)
			share.Refuse(resp, err)
		}
		e.later(func() { h.reply(resp) })
	})
}
