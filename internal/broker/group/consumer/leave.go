package consumer

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// leave takes the member out of the group, or, with an epoch of -2, notes that
// the static member is away and will be back. A leave of somebody who is not a member
// is refused.
func (g *Group) leave(req *kmsg.ConsumerGroupHeartbeatRequest, resp *kmsg.ConsumerGroupHeartbeatResponse) (*Downgrade, error) {
	m := g.members[req.MemberID]
	var err error
	switch {
	case req.InstanceID != nil:
		m, err = g.findStatic(req.MemberID, *req.InstanceID)
	case m == nil:
		err = g.unknown(req.MemberID)
	case req.MemberEpoch == epochLeaveStatic && !m.static():
		err = refuse(kerr.InvalidRequest, "Member %s has no instance id and cannot come back.", m.id)
	}
	if err != nil {
		return nil, err
	}
	resp.MemberID, resp.MemberEpoch = kmsg.StringPtr(m.id), req.MemberEpoch
	if req.MemberEpoch == epochLeaveStatic {
		g.rest(m)
		return nil, nil
	}
	return g.fence(m), nil
}

// rest lets a static member be away: it keeps its partitions until its session
// ends, except for what it should have given up anyway.
func (g *Group) rest(m *member) {
	next := m.progress
	next.epoch, next.revoking = epochLeaveStatic, nil
	g.advance(m, next)
	m.revoke = deadline{}
	g.put(currentRecord(g.id, m))
}

// fence takes members out of the group. If only classic members are left then,
// the group becomes a classic one.
func (g *Group) fence(members ...*member) *Downgrade {
	if len(members) == 0 {
		return nil
	}
	if left := g.downgradeWithout(members); left != nil {
		return left
	}
	for _, m := range members {
		g.remove(m)
	}
	g.dropRegexes()
	g.bump(g.hashTopics())
	if g.Empty() {
		g.retarget() // nobody's heartbeat will
	}
	return nil
}

// Expire removes the members whose deadlines have passed.
func (g *Group) Expire(env Env) Effects {
	g.begin(env)
	var late []*member
	for _, m := range g.order {
		if slices.ContainsFunc(m.deadlines(), g.due) {
			late = append(late, m)
		}
	}
	left := g.fence(late...)
	g.resetWake()
	fx := g.end()
	fx.Downgrade = left
	return fx
}

func (m *member) deadlines() []deadline { return []deadline{m.session, m.revoke, m.rejoin, m.sync} }

func (g *Group) due(d deadline) bool { return !d.IsZero() && !d.After(g.env.Now) }

// resetWake finds the earliest deadline. Steps only ever lower wake, so that a
// heartbeat costs nothing here.
func (g *Group) resetWake() {
	g.wake = deadline{}
	for _, m := range g.order {
		for _, d := range m.deadlines() {
			g.lowerWake(d)
		}
	}
}
