package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/classic"
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
		var fx classic.Effects
		errs, fx = e.group.Leave(now, leavers)
		c.perform(e, fx)
	})
	if !found {
		errs = make([]*kerr.Error, len(leavers))
		for i := range errs {
			errs[i] = c.missing(kerr.UnknownMemberID)
		}
	}
	return errs
}
