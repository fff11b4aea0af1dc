package classic

import (
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// JoinRequest is a JoinGroup. Nothing in Request is kept.
type JoinRequest struct {
	Ticket  Ticket
	Client  Client
	Request *kmsg.JoinGroupRequest
	FreshID string // unique suffix for a member id, should one be needed
}

// Join steps the group with a JoinGroup. The reply comes now or with a later
// step's Effects.
func (g *Group) Join(now time.Time, in JoinRequest) Effects {
	g.begin(now)
	g.join(in)
	return g.end()
}

func (g *Group) join(in JoinRequest) {
	req := in.Request
	switch {
	case g.state == Dead:
		g.refuse(in, req.MemberID, kerr.CoordinatorNotAvailable)
	case !g.hasRoomFor(req.MemberID):
		g.turnAway(in)
	case !g.supports(req.ProtocolType, req.Protocols):
		g.refuse(in, req.MemberID, kerr.InconsistentGroupProtocol)
	case req.MemberID == "":
		g.joinNew(in)
	default:
		g.joinKnown(in)
	}
}

// hasRoomFor applies group.max.size. While the group prepares a rebalance, who
// joins first stays; afterwards, who is in stays.
func (g *Group) hasRoomFor(memberID string) bool {
	m := g.members[memberID]
	switch {
	case g.cfg.MaxSize <= 0 || g.state == Empty:
		return true
	case g.state == PreparingRebalance:
		return m != nil && m.join != 0 || g.awaitingJoin() < g.cfg.MaxSize
	}
	return m != nil || len(g.members) < g.cfg.MaxSize
}

func (g *Group) turnAway(in JoinRequest) {
	delete(g.pending, in.Request.MemberID)
	if m := g.members[in.Request.MemberID]; m != nil {
		g.remove(m)
	}
	g.refuse(in, "", kerr.GroupMaxSizeReached)
	g.maybeCompleteJoin()
}

func (g *Group) joinNew(in JoinRequest) {
	req := in.Request
	if req.InstanceID != nil {
		id := *req.InstanceID + "-" + in.FreshID
		if old := g.static[*req.InstanceID]; old != nil {
			g.replaceStatic(old, id, in)
			return
		}
		g.admit(id, in)
		return
	}
	id := in.Client.ID + "-" + in.FreshID
	if req.Version >= 4 { // KIP-394: it must come back with its id
		g.expect(id, millis(req.SessionTimeoutMillis))
		g.refuse(in, id, kerr.MemberIDRequired)
		return
	}
	g.admit(id, in)
}

func (g *Group) expect(id string, session time.Duration) {
	if g.pending == nil {
		g.pending = map[string]time.Time{}
	}
	var deadline time.Time
	g.arm(&deadline, session)
	g.pending[id] = deadline
}

func (g *Group) joinKnown(in JoinRequest) {
	req := in.Request
	if _, ok := g.pending[req.MemberID]; ok && req.InstanceID == nil {
		g.admit(strings.Clone(req.MemberID), in)
		return
	}
	if err := g.validate(req.MemberID, req.InstanceID); err != nil {
		g.refuse(in, req.MemberID, err)
		return
	}
	m := g.members[req.MemberID]
	if g.unchanged(m, req) {
		// It missed the answer, or looks in again: the generation it belongs to.
		g.supersede(m, in.Ticket)
		g.replyJoin(m, g.joined(m))
		return
	}
	g.supersede(m, in.Ticket)
	m.update(in)
	g.rebalanceOrComplete()
}

// unchanged reports whether a JoinGroup of a present member needs no
// rebalance. A leader that joins a stable group asks for one: it has seen
// something, such as new partitions, that does not show in the metadata.
func (g *Group) unchanged(m *member, req *kmsg.JoinGroupRequest) bool {
	switch g.state {
	case CompletingRebalance:
		return m.matches(req.Protocols)
	case Stable:
		return m.id != g.leader && m.matches(req.Protocols)
	}
	return false
}

// supersede parks a JoinGroup in place of one that m sent before, on a
// connection that it has probably given up.
func (g *Group) supersede(m *member, t Ticket) {
	g.replyJoin(m, joinError(m.id, kerr.RebalanceInProgress))
	m.join = t
}

// admit adds a new member.
func (g *Group) admit(id string, in JoinRequest) {
	m := newMember(id, in)
	m.fresh = true
	if g.state == PreparingRebalance {
		g.initial.grown = true
	}
	g.add(m, strings.Clone(in.Request.ProtocolType))
	// It does not know its id yet and cannot heartbeat. But clients that give
	// up and retry must not pile up as members for ever.
	g.arm(&m.deadline, g.cfg.NewMemberTimeout)
	g.rebalanceOrComplete()
}

// replaceStatic gives a restarted static member (KIP-345) a new id and its old
// place and assignment. The old id is fenced from now on.
func (g *Group) replaceStatic(m *member, id string, in JoinRequest) {
	g.dismiss(m, m.id, kerr.FencedInstanceID)
	oldLeader := g.leader
	if g.leader == m.id {
		g.leader = id
	}
	delete(g.members, m.id)
	g.members[id] = m
	m.id, m.fresh = id, false
	m.client = Client{strings.Clone(in.Client.ID), strings.Clone(in.Client.Host)}
	m.update(in)
	g.hear(m)

	switch {
	case g.state == Stable && g.selectProtocol() == g.protocol:
		// Nothing changes for the others. The member must not act under the new id
		// before it is stored, or it would be fenced by the old one after a restart.
		g.topics = g.subscribed()
		g.write(&Write{purpose: replacement, member: id, oldLeader: oldLeader, version: in.Request.Version})
	case g.state == Stable, g.state == CompletingRebalance:
		// In CompletingRebalance the leader may be assigning to the old id.
		g.prepareRebalance()
	default:
		g.maybeCompleteJoin()
	}
}

// replaced answers a restarted static member whose new id is durable. If it
// leads, it is told to take up its lead without assigning anew (KIP-814), or,
// when it is too old to understand that, that somebody else leads.
func (g *Group) replaced(w *Write, err *kerr.Error) {
	m := g.members[w.member]
	if m == nil || m.join == 0 || g.state != Stable {
		return // replaced again, or answered by a rebalance, or about to be
	}
	if err != nil {
		g.replyJoin(m, joinError("", err))
		return
	}
	r := g.joined(m)
	if r.LeaderID == m.id {
		r.SkipAssignment = w.version >= 9
	}
	if w.version < 9 {
		r.LeaderID, r.Members = w.oldLeader, nil
	}
	g.replyJoin(m, r)
	g.hear(m)
}

// refuse answers a JoinGroup that is not parked.
func (g *Group) refuse(in JoinRequest, memberID string, err *kerr.Error) {
	g.fx.Joins = append(g.fx.Joins, JoinReply{in.Ticket, joinError(strings.Clone(memberID), err)})
}

// joined is what a member learns of its generation; the leader also learns
// who the members are.
func (g *Group) joined(m *member) *kmsg.JoinGroupResponse {
	r := kmsg.NewPtrJoinGroupResponse()
	r.Generation, r.LeaderID, r.MemberID = g.generation, g.leader, m.id
	r.ProtocolType, r.Protocol = kmsg.StringPtr(g.protocolType), kmsg.StringPtr(g.protocol)
	if m.id != g.leader {
		return r
	}
	for _, o := range g.order {
		rm := kmsg.NewJoinGroupResponseMember()
		rm.MemberID, rm.InstanceID, rm.ProtocolMetadata = o.id, o.instanceID, o.metadata(g.protocol)
		r.Members = append(r.Members, rm)
	}
	return r
}
