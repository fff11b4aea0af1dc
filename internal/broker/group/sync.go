package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/classic"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/group/share"
)

// SyncGroup answers SyncGroup (versions 0 to 5), with an assignment once the
// leader has sent it and it is durable.
func (c *Coordinator) SyncGroup(_ ClientInfo, req *kmsg.SyncGroupRequest, reply func(*kmsg.SyncGroupResponse)) {
	refuse := func(err *kerr.Error) {
		resp := req.ResponseKind().(*kmsg.SyncGroupResponse)
		resp.ErrorCode = err.Code
		reply(resp)
	}
	if req.Version >= 5 && (req.ProtocolType == nil || req.Protocol == nil) { // Kafka looks at these first
		refuse(kerr.InconsistentGroupProtocol)
		return
	}
	if err := c.check(req.Group); err != nil {
		refuse(err)
		return
	}
	version := req.Version
	found := c.with(req.Group, c.find, func(e *entry, now time.Time) {
		if _, ok := e.group.(*share.Group); ok {
			e.later(func() { refuse(kerr.UnknownMemberID) })
			return
		}
		if g, ok := e.group.(*consumer.Group); ok {
			resp := g.Sync(c.env(e.id, now), req)
			e.afterWrites(func(*kerr.Error) { e.later(func() { reply(resp) }) })
			return
		}
		g := e.group.(*classic.Group)
		ticket := e.parkSync(func(resp *kmsg.SyncGroupResponse) {
			resp.Version = version
			reply(resp)
		})
		c.perform(e, g.Sync(now, classic.SyncRequest{Ticket: ticket, Request: req}))
	})
	if !found {
		refuse(c.missing(kerr.UnknownMemberID))
	}
}

// check refuses requests of members that need not be looked at.
func (c *Coordinator) check(group string) *kerr.Error {
	if group == "" {
		return kerr.InvalidGroupID
	}
	return c.topic.Check(group)
}
