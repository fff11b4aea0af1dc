package classic

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// zeroTime is a deadline that is not set.
var zeroTime time.Time

// Expire applies all deadlines that have passed.
func (g *Group) Expire(now time.Time) Effects {
	g.begin(now)
	g.expirePending()
	g.expireSessions()
	if g.due(g.joinDeadline) {
		g.joinDeadline = zeroTime
		g.expireJoin()
	}
	if g.due(g.syncDeadline) {
		g.syncDeadline = zeroTime
		g.expireSync()
	}
	g.resetWake()
	return g.end()
}

func (g *Group) due(deadline time.Time) bool {
	return !deadline.IsZero() && !deadline.After(g.now)
}

// expirePending drops ids that were given out and not used.
func (g *Group) expirePending() {
	dropped := false
	for id, deadline := range g.pending {
		if g.due(deadline) {
			delete(g.pending, id)
			dropped = true
		}
	}
	if dropped && g.state == PreparingRebalance && g.allJoined() {
		g.completeJoin()
	}
}

// expireSessions removes members that were silent for too long. A member whose
// request is parked is not silent, unless it is new: then the time is up for
// the request itself.
func (g *Group) expireSessions() {
	for _, m := range slices.Clone(g.order) {
		if !g.due(m.deadline) {
			continue
		}
		m.deadline = zeroTime
		if (m.waits() && !m.fresh) || g.members[m.id] != m {
			continue
		}
		g.remove(m)
		switch {
		case g.state == Stable, g.state == CompletingRebalance:
			g.prepareRebalance()
		case g.state == PreparingRebalance && g.allJoined():
			g.completeJoin()
		}
	}
}

func (g *Group) expireJoin() {
	if g.state == PreparingRebalance && !g.extendInitial() {
		g.completeJoin()
	}
}

// expireSync removes the members that joined and did not sync.
func (g *Group) expireSync() {
	if g.state != CompletingRebalance && g.state != Stable {
		return
	}
	removed := false
	for _, m := range slices.Clone(g.order) {
		if m.owesSync {
			g.remove(m)
			removed = true
		}
	}
	if removed {
		g.prepareRebalance()
	}
}

// resetWake finds the earliest deadline. Steps only ever lower wake, so that a
// heartbeat costs nothing here.
func (g *Group) resetWake() {
	g.wake = zeroTime
	g.lowerWake(g.joinDeadline)
	g.lowerWake(g.syncDeadline)
	for _, deadline := range g.pending {
		g.lowerWake(deadline)
	}
	for _, m := range g.order {
		g.lowerWake(m.deadline)
	}
}

// Close makes the group Dead and answers every request that waits with err.
func (g *Group) Close(now time.Time, err *kerr.Error) Effects {
	g.begin(now)
	for _, m := range g.order {
		g.dismiss(m, m.id, err)
	}
	g.members, g.order, g.static, g.pending = map[string]*member{}, nil, nil, nil
	g.joinDeadline, g.syncDeadline, g.wake = zeroTime, zeroTime, zeroTime
	g.become(Dead)
	return g.end()
}
