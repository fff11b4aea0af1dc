package bank

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// classicSession is how long a member of a classic group may be silent: the
// shortest that Kafka allows by default, in milliseconds.
const classicSession = 6_000

// classicMember is a member of a classic group, alone in it when it joins: others
// that are there do not live.
type classicMember struct {
	actor      *actor
	id         string
	generation int32
}

func (m *classicMember) standing() (string, int32) {
	return m.id, m.generation
}

func (m *classicMember) join(ctx context.Context) error {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.InstanceID, req.ProtocolType = m.actor.role.Group, m.actor.instance(), "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = classicSession, classicSession
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	resp, err := req.RequestWith(ctx, m.actor.client)
	if err == nil && resp.ErrorCode == kerr.MemberIDRequired.Code {
		req.MemberID = resp.MemberID
		resp, err = req.RequestWith(ctx, m.actor.client)
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return err
	}
	m.id, m.generation = resp.MemberID, resp.Generation
	return m.sync(ctx)
}

func (m *classicMember) sync(ctx context.Context) error {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.InstanceID = m.actor.role.Group, m.actor.instance()
	req.MemberID, req.Generation = m.standing()
	req.ProtocolType, req.Protocol = kmsg.StringPtr("consumer"), kmsg.StringPtr("range")
	req.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: req.MemberID, MemberAssignment: []byte("the partition")}}
	resp, err := req.RequestWith(ctx, m.actor.client)
	switch {
	case err != nil:
		return err
	case resp.ErrorCode == 0 && len(resp.MemberAssignment) == 0:
		return errors.New("another member has the partition")
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

func (m *classicMember) heartbeat(ctx context.Context) error {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.InstanceID = m.actor.role.Group, m.actor.instance()
	req.MemberID, req.Generation = m.standing()
	resp, err := req.RequestWith(ctx, m.actor.client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

func (m *classicMember) leave(ctx context.Context) error {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = m.actor.role.Group
	id, _ := m.standing()
	req.Members = []kmsg.LeaveGroupRequestMember{{MemberID: id, InstanceID: m.actor.instance()}}
	resp, err := req.RequestWith(ctx, m.actor.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.Members[0].ErrorCode)
}
