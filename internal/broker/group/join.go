package group

import (
	"bytes"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/classic"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/group/share"
)

// Join answers JoinGroup (versions 0 to 9), often not before all other members
// have joined too.
func (c *Coordinator) Join(client ClientInfo, req *kmsg.JoinGroupRequest, reply func(*kmsg.JoinGroupResponse)) {
	refuse := func(err *kerr.Error) {
		resp := req.ResponseKind().(*kmsg.JoinGroupResponse)
		resp.ErrorCode, resp.MemberID, resp.Generation = err.Code, req.MemberID, -1
		reply(resp)
	}
	if err := c.checkJoin(req); err != nil {
		refuse(err)
		return
	}
	if c.topic.Partitions() == 0 { // it will wait
		req = detached(req)
	}
	c.topic.WhenThere(req.Group, func(err *kerr.Error) {
		if err != nil {
			refuse(err)
			return
		}
		look := c.find // a member id was given out by a group that must still be there
		if req.MemberID == "" {
			look = c.obtain
		}
		if !c.with(req.Group, look, func(e *entry, now time.Time) { c.join(e, now, client, req, reply) }) {
			refuse(c.missing(kerr.UnknownMemberID))
		}
	})
}

// detached returns a copy of req whose byte slices may be kept.
func detached(req *kmsg.JoinGroupRequest) *kmsg.JoinGroupRequest {
	d := *req
	d.Protocols = slices.Clone(req.Protocols)
	for i := range d.Protocols {
		d.Protocols[i].Metadata = bytes.Clone(d.Protocols[i].Metadata)
	}
	return &d
}

func (c *Coordinator) checkJoin(req *kmsg.JoinGroupRequest) *kerr.Error {
	session := time.Duration(req.SessionTimeoutMillis) * time.Millisecond
	switch {
	case req.Group == "":
		return kerr.InvalidGroupID
	case session < c.cfg.MinSessionTimeout, session > c.cfg.MaxSessionTimeout:
		return kerr.InvalidSessionTimeout
	case len(req.Protocols) > maxProtocols:
		return kerr.InvalidRequest
	}
	return nil
}

func (c *Coordinator) join(e *entry, now time.Time, client ClientInfo, req *kmsg.JoinGroupRequest, reply func(*kmsg.JoinGroupResponse)) {
	if g, ok := e.group.(*consumer.Group); ok && !g.Empty() {
		c.joinConsumer(e, g, now, client, req, reply)
		return
	}
	if _, ok := e.group.(*share.Group); ok {
		resp := req.ResponseKind().(*kmsg.JoinGroupResponse)
		resp.ErrorCode, resp.MemberID, resp.Generation = kerr.InconsistentGroupProtocol.Code, req.MemberID, -1
		e.later(func() { reply(resp) })
		return
	}
	g := c.asClassic(e, now)
	version := req.Version
	ticket := e.parkJoin(func(resp *kmsg.JoinGroupResponse) {
		resp.Version = version
		reply(resp)
	})
	c.perform(e, g.Join(now, classic.JoinRequest{
		Ticket:  ticket,
		Client:  classic.Client{ID: client.ID, Host: client.Host},
		Request: req,
		FreshID: freshID(),
	}))
}

// joinConsumer lets a classic member join a consumer group, or go on in it.
func (c *Coordinator) joinConsumer(e *entry, g *consumer.Group, now time.Time, client ClientInfo, req *kmsg.JoinGroupRequest, reply func(*kmsg.JoinGroupResponse)) {
	resp, fx := g.Join(c.env(e.id, now), consumer.Join{Client: consumer.Client(client), Request: req, FreshID: freshID()})
	c.performConsumer(e, now, nil, fx, func(err *kerr.Error) {
		if err != nil {
			resp.ErrorCode, resp.Generation = err.Code, -1
		}
		e.later(func() { reply(resp) })
	})
}
