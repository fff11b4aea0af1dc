package classic

import (
	"bytes"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// SyncRequest is a SyncGroup. Nothing in Request is kept.
type SyncRequest struct {
	Ticket  Ticket
	Request *kmsg.SyncGroupRequest
}

// Sync steps the group with a SyncGroup. The reply comes now or with a later
// step's Effects.
func (g *Group) Sync(now time.Time, in SyncRequest) Effects {
	g.begin(now)
	if err := g.validateSync(in.Request); err != nil {
		g.fx.Syncs = append(g.fx.Syncs, SyncReply{in.Ticket, syncError(err)})
		return g.end()
	}
	m := g.members[in.Request.MemberID]
	g.replySync(m, syncError(kerr.RebalanceInProgress)) // an earlier try of the same member
	m.sync = in.Ticket
	g.settle(m)
	switch {
	case g.state == Stable:
		g.replySync(m, g.synced(m))
	case m.id == g.leader && !g.storing:
		g.assign(in.Request.GroupAssignment)
	}
	return g.end()
}

func (g *Group) validateSync(req *kmsg.SyncGroupRequest) *kerr.Error {
	if g.state == Dead {
		return kerr.CoordinatorNotAvailable
	}
	if err := g.validate(req.MemberID, req.InstanceID); err != nil {
		return err
	}
	switch {
	case req.Generation != g.generation:
		return kerr.IllegalGeneration
	case differs(req.ProtocolType, g.protocolType), differs(req.Protocol, g.protocol): // KIP-559
		return kerr.InconsistentGroupProtocol
	case g.state == PreparingRebalance:
		return kerr.RebalanceInProgress
	}
	return nil
}

func differs(said *string, is string) bool { return said != nil && is != "" && *said != is }

// settle notes that m has sent its SyncGroup.
func (g *Group) settle(m *member) {
	m.owesSync = false
	if !slices.ContainsFunc(g.order, func(m *member) bool { return m.owesSync }) {
		g.syncDeadline = zeroTime
	}
}

// assign takes the leader's assignment. It counts once it is durable; a member
// that the leader left out has an empty one.
func (g *Group) assign(all []kmsg.SyncGroupRequestGroupAssignment) {
	byID := make(map[string][]byte, len(all))
	for _, a := range all {
		byID[a.MemberID] = a.MemberAssignment
	}
	for _, m := range g.order {
		m.assigned = bytes.Clone(byID[m.id])
	}
	g.storing = true
	g.write(&Write{purpose: assignment})
}

// assigned ends the rebalance, or, if the assignment could not be stored,
// begins another.
func (g *Group) assigned(w *Write, err *kerr.Error) {
	if g.state != CompletingRebalance || g.generation != w.generation {
		return // the next rebalance has begun
	}
	if err != nil {
		g.cancelSync(err)
		g.prepareRebalance()
		return
	}
	g.storing = false
	g.become(Stable)
	for _, m := range g.order {
		if m.sync != 0 {
			g.replySync(m, g.synced(m))
			g.hear(m)
		}
	}
}

// cancelSync answers the SyncGroups that wait with err and drops the assignments.
func (g *Group) cancelSync(err *kerr.Error) {
	g.storing = false
	for _, m := range g.order {
		m.assigned = nil
		if m.sync != 0 {
			g.replySync(m, syncError(err))
			g.hear(m)
		}
	}
}

func (g *Group) synced(m *member) *kmsg.SyncGroupResponse {
	r := kmsg.NewPtrSyncGroupResponse()
	r.ProtocolType, r.Protocol = kmsg.StringPtr(g.protocolType), kmsg.StringPtr(g.protocol)
	r.MemberAssignment = m.assigned
	return r
}
