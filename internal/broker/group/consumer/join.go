package consumer

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// find returns the member that sent the heartbeat, or whose place it takes; nil
// if it is to become a new member.
func (g *Group) find(in Heartbeat) (*member, error) {
	req := in.Request
	switch {
	case req.MemberEpoch == epochJoin:
		m, err := g.findJoining(req.MemberID, req.InstanceID)
		if err == nil && m != nil && m.id != req.MemberID && m.classic == nil && !m.away() {
			err = refuse(kerr.UnreleasedInstanceID, "Static member %s with instance id %s cannot join the group because the instance id is owned by %s member.",
				req.MemberID, m.instanceID, m.id)
		}
		return m, err
	case req.InstanceID == nil:
		m := g.members[req.MemberID]
		if m == nil {
			return nil, g.unknown(req.MemberID)
		}
		return m, checkEpoch(m, req.MemberEpoch, ownedOf(req.Topics))
	}
	m, err := g.findStatic(req.MemberID, *req.InstanceID)
	if err != nil {
		return nil, err
	}
	return m, checkEpoch(m, req.MemberEpoch, ownedOf(req.Topics))
}

// findJoining finds the member that joins again, or the static member that has
// another member id now.
func (g *Group) findJoining(id string, instanceID *string) (*member, error) {
	m := g.members[id]
	if instanceID != nil {
		if old := g.static[*instanceID]; old != nil && old != m {
			if m != nil {
				return nil, refuse(kerr.FencedInstanceID, "Member %s is in the group already, and its instance id is not %s.", id, *instanceID)
			}
			m = old
		}
	}
	if m == nil && len(g.members) >= g.cfg.MaxSize {
		return nil, refuse(kerr.GroupMaxSizeReached, "The consumer group has reached its maximum capacity of %d members.", g.cfg.MaxSize)
	}
	return m, nil
}

// findStatic finds the member with both ids (KIP-345).
func (g *Group) findStatic(id, instanceID string) (*member, error) {
	m := g.static[instanceID]
	switch {
	case m == nil:
		return nil, refuse(kerr.UnknownMemberID, "Instance id %s is unknown.", instanceID)
	case m.id != id:
		return nil, refuse(kerr.FencedInstanceID, "Static member %s with instance id %s was fenced by member %s.", id, instanceID, m.id)
	}
	return m, nil
}

func (g *Group) unknown(id string) error {
	return refuse(kerr.UnknownMemberID, "Member %s is not a member of group %s.", id, g.id)
}

// checkEpoch refuses a member that is not where it should be. One epoch behind
// is allowed if the member reads nothing that it should not: then it has
// missed an answer.
func checkEpoch(m *member, said int32, has owned) error {
	switch {
	case said > m.epoch:
		return refuse(kerr.FencedMemberEpoch, "The consumer group member has a greater member epoch (%d) than the one known by the group coordinator (%d). "+
			"The member must abandon all its partitions and rejoin.", said, m.epoch)
	case said < m.epoch && (said != m.previous || !has.within(m.assigned)):
		return refuse(kerr.FencedMemberEpoch, "The consumer group member has a smaller member epoch (%d) than the one known by the group coordinator (%d). "+
			"The member must abandon all its partitions and rejoin.", said, m.epoch)
	}
	return nil
}

// admit returns m, or a new member if m is nil. If m is a static member that
// has come back with another member id, it keeps what it had.
func (g *Group) admit(m *member, in Heartbeat) *member {
	id := strings.Clone(in.Request.MemberID)
	if id == "" {
		id = in.FreshID
	}
	switch {
	case m == nil:
		m = &member{id: id, instanceID: cloned(in.Request.InstanceID), reads: g.subscriptions.get(nil, "")}
		g.add(m)
	case m.id != id:
		m.epoch, m.previous = 0, 0
		g.rename(m, id)
	}
	return m
}

func cloned(s *string) string {
	if s == nil {
		return ""
	}
	return strings.Clone(*s)
}

// learn notes what m says of itself, and reports whether it now reads something else.
func (g *Group) learn(m *member, s said) (changed bool) {
	changed = !slices.Equal(m.reads.names, s.names) || m.reads.regex != s.regex
	if fresh := m.epoch == 0; !fresh && !changed && m.is(s) {
		return false
	}
	if m.instanceID != s.instanceID { // a dynamic member becomes a static one
		g.drop(m)
		m.instanceID = s.instanceID
		g.add(m)
	}
	m.rackID, m.rebalance, m.assignor, m.classic = s.rackID, s.rebalance, s.assignor, s.classic
	m.client = Client{ID: strings.Clone(s.client.ID), Host: strings.Clone(s.client.Host)}
	if changed {
		old := m.reads
		m.reads = g.subscriptions.get(s.names, s.regex)
		g.subscriptions.release(old)
	}
	g.put(memberRecord(g.id, m))
	return changed
}

// is reports whether s says nothing new of m but, perhaps, what it reads.
func (m *member) is(s said) bool {
	return m.instanceID == s.instanceID && m.rackID == s.rackID && m.client == s.client &&
		m.rebalance == s.rebalance && m.assignor == s.assignor && m.classic.equal(s.classic)
}
