package classic

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// rebalanceOrComplete begins a rebalance, or, if one is being prepared, ends
// the wait if nobody is left to wait for.
func (g *Group) rebalanceOrComplete() {
	if g.state == PreparingRebalance {
		g.maybeCompleteJoin()
		return
	}
	g.prepareRebalance()
}

// prepareRebalance asks all members to join again. It is called in every state
// but PreparingRebalance and Dead.
func (g *Group) prepareRebalance() {
	if g.state == CompletingRebalance {
		g.cancelSync(kerr.RebalanceInProgress)
	}
	g.forgiveSync()
	if g.state == Empty {
		g.prepareInitial()
		return
	}
	g.become(PreparingRebalance)
	if g.allJoined() || len(g.members) == 0 { // those who have an id but are no members yet need not be waited for
		g.completeJoin()
		return
	}
	g.arm(&g.joinDeadline, g.maxRebalance())
}

// prepareInitial gives the other members of a group that starts up time to
// arrive, so that they do not cause a rebalance each.
func (g *Group) prepareInitial() {
	g.become(PreparingRebalance)
	delay := g.cfg.InitialDelay
	if delay <= 0 {
		g.completeJoin()
		return
	}
	g.initial = initialDelay{active: true, delay: delay, remaining: max(g.maxRebalance()-delay, 0)}
	g.arm(&g.joinDeadline, delay)
}

// extendInitial prolongs the initial wait if a member came during the part
// that just ended, and reports whether it did.
func (g *Group) extendInitial() bool {
	in := &g.initial
	if !in.active || !in.grown || in.remaining <= 0 {
		return false
	}
	in.grown = false
	last := in.delay
	in.delay = min(g.cfg.InitialDelay, in.remaining)
	in.remaining = max(in.remaining-last, 0)
	g.arm(&g.joinDeadline, in.delay)
	return true
}

// maybeCompleteJoin ends the wait for members if all are there. The initial
// wait only ends by the clock.
func (g *Group) maybeCompleteJoin() {
	if g.state == PreparingRebalance && !g.initial.active && g.allJoined() {
		g.completeJoin()
	}
}

// completeJoin ends the wait for members: dynamic members that have not joined
// are out, static ones stay (their session may still end). The rest begins a
// new generation.
func (g *Group) completeJoin() {
	g.joinDeadline = zeroTime
	g.initial = initialDelay{}
	for _, m := range slices.Clone(g.order) {
		if m.join == 0 && !m.static() {
			g.remove(m)
		}
	}
	if len(g.members) > 0 && !g.electLeader() {
		// Only silent static members are left: wait until one joins or their
		// sessions end.
		g.arm(&g.joinDeadline, g.maxRebalance())
		return
	}
	g.generation++
	g.storing = false
	g.protocol = g.selectProtocol()
	g.topics = g.subscribed()
	if len(g.members) == 0 {
		g.become(Empty)
		g.write(&Write{purpose: recordOnly})
		return
	}
	g.become(CompletingRebalance)
	g.announce()
}

// electLeader makes sure that the leader is a member that has joined.
func (g *Group) electLeader() bool {
	if m := g.members[g.leader]; m != nil && m.join != 0 {
		return true
	}
	i := slices.IndexFunc(g.order, func(m *member) bool { return m.join != 0 })
	if i < 0 {
		return false
	}
	g.leader = g.order[i].id
	return true
}

// announce answers all JoinGroups of the new generation and waits for their
// SyncGroups.
func (g *Group) announce() {
	for _, m := range g.order {
		g.replyJoin(m, g.joined(m))
		g.hear(m)
		m.fresh, m.owesSync = false, true
	}
	g.arm(&g.syncDeadline, g.maxRebalance())
}

// forgiveSync stops waiting for SyncGroups.
func (g *Group) forgiveSync() {
	g.syncDeadline = zeroTime
	for _, m := range g.order {
		m.owesSync = false
	}
}
