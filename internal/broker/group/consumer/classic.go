package consumer

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Join is a JoinGroup of a classic member. Nothing in Request is kept.
type Join struct {
	Client  Client
	Request *kmsg.JoinGroupRequest
	FreshID string // a unique member id, should one be needed
}

// firstWithMemberID is the first version of JoinGroup whose dynamic members must
// come back with the id that they are given (KIP-394).
const firstWithMemberID = 4

// Join steps the group with a JoinGroup: the member joins, or goes on towards
// its target.
func (g *Group) Join(env Env, in Join) (*kmsg.JoinGroupResponse, Effects) {
	g.begin(env)
	resp := in.Request.ResponseKind().(*kmsg.JoinGroupResponse)
	resp.Generation, resp.MemberID = -1, in.Request.MemberID
	left, err := g.join(in, resp)
	if err != nil {
		resp.ErrorCode = codeOf(err).Code
	}
	fx := g.end()
	fx.Downgrade = left
	return resp, fx
}

func (g *Group) join(in Join, resp *kmsg.JoinGroupResponse) (*Downgrade, error) {
	req := in.Request
	id := req.MemberID
	if id == "" {
		id = in.FreshID
	}
	m, err := g.checkJoin(id, req)
	if err != nil {
		return nil, err
	}
	if req.MemberID == "" && req.InstanceID == nil && req.Version >= firstWithMemberID {
		resp.MemberID = id
		return nil, refuse(kerr.MemberIDRequired, "")
	}
	sub := kmsg.NewConsumerMemberMetadata()
	if err := sub.ReadFrom(req.Protocols[0].Metadata); err != nil {
		return nil, refuse(kerr.InconsistentGroupProtocol, "Member %s's subscription cannot be read: %v", id, err)
	}
	m = g.admitClassic(m, id, req.InstanceID)
	changed := g.learn(m, classicSays(m, in, &sub))
	g.refresh(changed)
	g.retarget()
	g.reconcile(m, owned{said: true, partitions: g.identify(sub.OwnedPartitions)}, changed)
	m.rejoin = deadline{}
	g.hear(m)
	g.arm(&m.sync, m.rebalance)

	resp.MemberID, resp.Generation = m.id, m.epoch
	resp.ProtocolType, resp.Protocol = kmsg.StringPtr(ProtocolType), kmsg.StringPtr(m.classic.Protocols[0].Name)
	return g.downgradeWithout(nil), nil
}

// checkJoin finds the member with this id, or whose place it takes.
func (g *Group) checkJoin(id string, req *kmsg.JoinGroupRequest) (m *member, err error) {
	if req.MemberID != "" && req.InstanceID != nil {
		m, err = g.findStatic(id, *req.InstanceID)
	} else {
		m, err = g.findJoining(id, req.InstanceID)
	}
	if err != nil {
		return nil, err
	}
	if req.ProtocolType != ProtocolType || !g.supports(req.Protocols) || tooLong(id) {
		return nil, refuse(kerr.InconsistentGroupProtocol, "Member %s's protocols are not supported.", id)
	}
	return m, nil
}

// supports reports whether all classic members support one of the protocols.
func (g *Group) supports(protocols []kmsg.JoinGroupRequestProtocol) bool {
	return slices.ContainsFunc(protocols, func(p kmsg.JoinGroupRequestProtocol) bool {
		return !slices.ContainsFunc(g.order, func(m *member) bool { return m.classic != nil && !m.classic.supports(p.Name) })
	})
}

// admitClassic is admit for a JoinGroup.
func (g *Group) admitClassic(m *member, id string, instanceID *string) *member {
	as := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	as.MemberID, as.InstanceID = id, instanceID
	return g.admit(m, Heartbeat{Request: as})
}

// classicSays is what a JoinGroup says of m.
func classicSays(m *member, in Join, sub *kmsg.ConsumerMemberMetadata) said {
	s := said{
		instanceID: m.instanceID, rackID: m.rackID, assignor: m.assignor, client: in.Client,
		rebalance: millis(in.Request.RebalanceTimeoutMillis), names: normalized(sub.Topics),
		classic: &Classic{SessionTimeout: millis(in.Request.SessionTimeoutMillis)},
	}
	if s.rebalance <= 0 { // version 0 has none
		s.rebalance = s.classic.SessionTimeout
	}
	replaceBy(&s.rackID, sub.Rack)
	for _, p := range in.Request.Protocols {
		s.classic.Protocols = append(s.classic.Protocols, Protocol{strings.Clone(p.Name), slices.Clone(p.Metadata)})
	}
	return s
}

// identify turns names into ids; topics that do not exist are left out.
func (g *Group) identify(topics []kmsg.ConsumerMemberMetadataOwnedPartition) []Partition {
	var ps []Partition
	for _, t := range topics {
		if id, _, ok := g.env.Topics.ByName(t.Topic); ok {
			for _, n := range t.Partitions {
				ps = append(ps, Partition{Topic: id, Number: n})
			}
		}
	}
	return ps
}
