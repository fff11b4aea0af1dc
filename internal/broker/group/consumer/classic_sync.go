package consumer

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// classicMember finds the classic member that sent a request.
func (g *Group) classicMember(id string, instanceID *string, generation int32) (*member, *kerr.Error) {
	m := g.members[id]
	if instanceID != nil {
		var err error
		if m, err = g.findStatic(id, *instanceID); err != nil {
			return nil, codeOf(err)
		}
	}
	switch {
	case m == nil, m.classic == nil:
		return nil, kerr.UnknownMemberID
	case generation != m.epoch:
		return nil, kerr.IllegalGeneration
	}
	return m, nil
}

// Sync answers the SyncGroup of a classic member with what it may read.
func (g *Group) Sync(env Env, req *kmsg.SyncGroupRequest) *kmsg.SyncGroupResponse {
	g.begin(env)
	defer g.end()
	resp := req.ResponseKind().(*kmsg.SyncGroupResponse)
	m, err := g.classicMember(req.MemberID, req.InstanceID, req.Generation)
	switch {
	case err != nil:
	case req.ProtocolType != nil && *req.ProtocolType != ProtocolType,
		req.Protocol != nil && *req.Protocol != m.classic.Protocols[0].Name:
		err = kerr.InconsistentGroupProtocol
	case g.epoch > m.epoch && m.state != unrevoked:
		g.expectJoin(m)
		err = kerr.RebalanceInProgress
	default:
		m.sync = deadline{}
		g.hear(m)
		resp.ProtocolType, resp.Protocol = req.ProtocolType, req.Protocol
		resp.MemberAssignment = classicAssignment(m, m.assigned.sorted(), env.Topics)
	}
	if err != nil {
		resp.ErrorCode = err.Code
	}
	return resp
}

// ClassicHeartbeat notes a sign of life of a classic member.
// REBALANCE_IN_PROGRESS asks it to join again: because there is a new epoch, it
// must give up partitions, or partitions that it waits for are free.
func (g *Group) ClassicHeartbeat(env Env, req *kmsg.HeartbeatRequest) *kerr.Error {
	g.begin(env)
	defer g.end()
	m, err := g.classicMember(req.MemberID, req.InstanceID, req.Generation)
	if err != nil {
		return err
	}
	g.hear(m)
	if m.epoch < g.epoch || m.state == unrevoked || m.state == unreleased && !g.waits(m) {
		g.expectJoin(m)
		return kerr.RebalanceInProgress
	}
	return nil
}

// waits reports whether somebody else still holds what m shall have.
func (g *Group) waits(m *member) bool {
	return slices.ContainsFunc(m.target, func(p Partition) bool {
		_, has := m.assigned[p]
		return !has && g.owners[p] != nil
	})
}

func (g *Group) expectJoin(m *member) {
	if m.rejoin.IsZero() {
		g.arm(&m.rejoin, m.rebalance)
	}
}

// ClassicLeave removes members with a LeaveGroup: by member id, or by
// instance id, as administrators do. It returns the error of each, nil for success.
func (g *Group) ClassicLeave(env Env, leavers []kmsg.LeaveGroupRequestMember) ([]*kerr.Error, Effects) {
	g.begin(env)
	errs := make([]*kerr.Error, len(leavers))
	var members []*member
	for i, l := range leavers {
		m := g.members[l.MemberID]
		if l.InstanceID != nil {
			m = g.static[*l.InstanceID]
		}
		switch {
		case m == nil:
			errs[i] = kerr.UnknownMemberID
		case l.InstanceID != nil && l.MemberID != "" && l.MemberID != m.id:
			errs[i] = kerr.FencedInstanceID
		case !slices.Contains(members, m):
			members = append(members, m)
		}
	}
	left := g.fence(members...)
	fx := g.end()
	fx.Downgrade = left
	return errs, fx
}

// classicAssignment is partitions in the form that m's protocol has for them.
func classicAssignment(m *member, partitions []Partition, topics Topics) []byte {
	a := kmsg.NewConsumerMemberAssignment()
	metadata := kbin.Reader{Src: m.classic.Protocols[0].Metadata}
	a.Version = min(metadata.Int16(), maxAssignmentVersion)
	runs(partitions, func(topic TopicID, of []Partition) {
		if name, ok := topics.ByID(topic); ok {
			t := kmsg.NewConsumerMemberAssignmentTopic()
			t.Topic, t.Partitions = name, numbers(of)
			a.Topics = append(a.Topics, t)
		}
	})
	return a.AppendTo(nil)
}

// maxAssignmentVersion is the highest version of an assignment.
const maxAssignmentVersion = 3
