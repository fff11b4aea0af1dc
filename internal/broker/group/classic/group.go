package classic

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ConsumerProtocol is the protocol type of consumers, whose metadata the group
// can read the subscribed topics from.
const ConsumerProtocol = "consumer"

// Config is what all groups of a coordinator share.
type Config struct {
	// InitialDelay is how long an empty group waits for more members once the
	// first has joined (group.initial.rebalance.delay.ms). Each newcomer extends
	// the wait by as much again, up to the rebalance timeout. 0: no wait.
	InitialDelay time.Duration
	// MaxSize is how many members a group may have (group.max.size). 0: any number.
	MaxSize int
	// NewMemberTimeout is how long the first JoinGroup of a member may wait for
	// its answer before the member is given up.
	NewMemberTimeout time.Duration
}

// Group is one group. It is not safe for concurrent use.
type Group struct {
	cfg *Config

	state    State
	previous State     // state before the last change
	since    time.Time // when state last changed; zero if unknown

	generation   int32
	protocolType string // "": never had a member (only offsets)
	protocol     string // selected by vote; "": none
	leader       string // member id; "": none

	members map[string]*member
	order   []*member            // the same members, oldest first
	static  map[string]*member   // those with an instance id, by it
	pending map[string]time.Time // ids given out with MEMBER_ID_REQUIRED, with their deadlines

	joinDeadline time.Time     // PreparingRebalance ends then at the latest
	syncDeadline time.Time     // members that owe SyncGroup are removed then
	wake         time.Time     // not after any deadline above or of a member; zero: no deadline
	initial      initialDelay  // of the rebalance that an empty group begins with
	storing      bool          // this generation's assignment is on its way to the disk
	topics       subscriptions // of this generation

	now time.Time // of the step under way
	fx  Effects   // of the step under way
}

// initialDelay is the state of the wait described at Config.InitialDelay.
type initialDelay struct {
	active    bool
	delay     time.Duration // of the part that joinDeadline ends
	remaining time.Duration // by how much the wait may still be extended
	grown     bool          // a member was added during this part
}

// New returns an empty group that has no members and no generation yet.
func New(cfg *Config, now time.Time) *Group {
	return &Group{cfg: cfg, since: now, members: map[string]*member{}}
}

// State returns the state.
func (g *Group) State() State { return g.state }

// Generation returns the number of the generation; it grows with every
// completed rebalance.
func (g *Group) Generation() int32 { return g.generation }

// ProtocolType returns what the members call themselves, such as "consumer" or
// "connect"; "" if the group never had a member.
func (g *Group) ProtocolType() string { return g.protocolType }

// Since returns when the state last changed; zero if the stored metadata is
// too old to say.
func (g *Group) Since() time.Time { return g.since }

// Wake returns when Expire should be called next: not later than the earliest
// deadline. Zero means that nothing is due, ever.
func (g *Group) Wake() time.Time { return g.wake }

// Empty reports whether the group has no members and is not about to have any
// generation but the last.
func (g *Group) Empty() bool { return g.state == Empty }

// Idle reports whether nobody is, or is about to become, a member.
func (g *Group) Idle() bool {
	return len(g.members) == 0 && len(g.pending) == 0 && (g.state == Empty || g.state == Dead)
}

// begin and end bracket a step.
func (g *Group) begin(now time.Time) { g.now = now }

func (g *Group) end() Effects {
	fx := g.fx
	g.fx = Effects{}
	return fx
}

func (g *Group) become(s State) {
	g.previous, g.state, g.since = g.state, s, g.now
}

// arm sets a deadline.
func (g *Group) arm(deadline *time.Time, after time.Duration) {
	*deadline = g.now.Add(after)
	g.lowerWake(*deadline)
}

func (g *Group) lowerWake(t time.Time) {
	if !t.IsZero() && (g.wake.IsZero() || t.Before(g.wake)) {
		g.wake = t
	}
}

// hear notes a sign of life of m.
func (g *Group) hear(m *member) { g.arm(&m.deadline, m.session) }

// add makes m a member. The caller has checked that its protocols fit.
func (g *Group) add(m *member, protocolType string) {
	if len(g.members) == 0 {
		g.protocolType = protocolType
	}
	if g.leader == "" {
		g.leader = m.id
	}
	delete(g.pending, m.id)
	g.members[m.id] = m
	g.order = append(g.order, m)
	g.setStatic(m)
}

func (g *Group) setStatic(m *member) {
	if !m.static() {
		return
	}
	if g.static == nil {
		g.static = map[string]*member{}
	}
	g.static[*m.instanceID] = m
}

// remove takes m out of the group. A request of m that still waits is answered
// UNKNOWN_MEMBER_ID: if the client is alive after all, it joins anew. If m led
// the group, the oldest member leads now.
func (g *Group) remove(m *member) {
	g.dismiss(m, "", kerr.UnknownMemberID)
	delete(g.members, m.id)
	if m.static() {
		delete(g.static, *m.instanceID)
	}
	g.order = slices.DeleteFunc(g.order, func(o *member) bool { return o == m })
	if g.leader == m.id {
		g.leader = ""
		if len(g.order) > 0 {
			g.leader = g.order[0].id
		}
	}
}

// validate checks that a request comes from a present member (KIP-345: the
// instance id must belong to this member id).
func (g *Group) validate(memberID string, instanceID *string) *kerr.Error {
	if instanceID != nil {
		switch m := g.static[*instanceID]; {
		case m == nil:
			return kerr.UnknownMemberID
		case m.id != memberID:
			return kerr.FencedInstanceID
		}
	}
	if g.members[memberID] == nil {
		return kerr.UnknownMemberID
	}
	return nil
}

// supports reports whether a member with these protocols fits to all others.
func (g *Group) supports(protocolType string, protocols []kmsg.JoinGroupRequestProtocol) bool {
	if g.state == Empty {
		return protocolType != "" && len(protocols) > 0
	}
	return protocolType == g.protocolType &&
		slices.ContainsFunc(protocols, func(p kmsg.JoinGroupRequestProtocol) bool { return g.common(p.Name) })
}

// common reports whether all members support the protocol.
func (g *Group) common(name string) bool {
	return !slices.ContainsFunc(g.order, func(m *member) bool { return !m.supports(name) })
}

// selectProtocol lets each member vote for the first of its protocols that all
// support. With equal votes, the oldest member's preference decides.
func (g *Group) selectProtocol() string {
	if len(g.order) == 0 {
		return ""
	}
	votes := map[string]int{}
	var candidates []string
	for _, p := range g.order[0].protocols {
		if g.common(p.name) {
			candidates = append(candidates, p.name)
		}
	}
	for _, m := range g.order {
		i := slices.IndexFunc(m.protocols, func(p protocol) bool { return slices.Contains(candidates, p.name) })
		if i >= 0 {
			votes[m.protocols[i].name]++
		}
	}
	best := ""
	for _, name := range candidates {
		if votes[name] > votes[best] {
			best = name
		}
	}
	return best
}

// maxRebalance is the time that the slowest member asked for.
func (g *Group) maxRebalance() time.Duration {
	var d time.Duration
	for _, m := range g.order {
		d = max(d, m.rebalance)
	}
	return d
}

func (g *Group) awaitingJoin() int {
	n := 0
	for _, m := range g.order {
		if m.join != 0 {
			n++
		}
	}
	return n
}

// allJoined reports whether nobody is left to wait for.
func (g *Group) allJoined() bool {
	return len(g.pending) == 0 && g.awaitingJoin() == len(g.members)
}
