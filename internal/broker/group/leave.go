package group

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/classic"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// LeaveGroup answers LeaveGroup (versions 0 to 5; several members at once from
// 3, KIP-345).
func (c *Coordinator) LeaveGroup(_ ClientInfo, req *kmsg.LeaveGroupRequest, reply func(*kmsg.LeaveGroupResponse)) {
	resp := req.ResponseKind().(*kmsg.LeaveGroupResponse)
	if err := c.check(req.Group); err != nil {
		resp.ErrorCode = err.Code
		reply(resp)
		return
	}
	leavers := req.Members
	if req.Version < 3 {
		leavers = []kmsg.LeaveGroupRequestMember{{MemberID: req.MemberID}}
	}
	errs := c.leave(req.Group, leavers)
	if req.Version < 3 {
		resp.ErrorCode = codeOf(errs[0])
		reply(resp)
		return
	}
	for i, l := range leavers {
		m := kmsg.NewLeaveGroupResponseMember()
		m.MemberID, m.InstanceID, m.ErrorCode = l.MemberID, l.InstanceID, codeOf(errs[i])
		resp.Members = append(resp.Members, m)
	}
	reply(resp)
}

func (c *Coordinator) leave(group string, leavers []kmsg.LeaveGroupRequestMember) []*kerr.Error {
	var errs []*kerr.Error
	found := c.with(group, c.find, func(e *entry, now time.Time) {
		switch g := e.group.(type) {
		case *classic.Group:
			var fx classic.Effects
			errs, fx = g.Leave(now, leavers)
			c.perform(e, fx)
		case *consumer.Group:
			var fx consumer.Effects
			errs, fx = g.ClassicLeave(c.env(e.id, now), leavers)
			c.performConsumer(e, now, nil, fx, func(*kerr.Error) {})
		default: // members of share groups leave by their heartbeats
			errs = slices.Repeat([]*kerr.Error{kerr.UnknownMemberID}, len(leavers))
		}
	})
	if !found {
		errs = slices.Repeat([]*kerr.Error{c.missing(kerr.UnknownMemberID)}, len(leavers))
	}
	return errs
}
