package consumer

import (
	"slices"
	"time"
)

// ProtocolType is what the members of all these groups call themselves.
const ProtocolType = "consumer"

// Group is one group. It is not safe for concurrent use.
type Group struct {
	cfg *Config
	id  string

	epoch        int32 // grows when a new target is needed
	targetEpoch  int32 // epoch that the targets of the members were computed for
	hash         int64 // of the topics that the members read, when epoch last grew
	stored       bool  // the log holds epoch, or soon will
	legacyTopics bool  // the log holds the topics in the form of before Kafka 4.1

	members       map[string]*member
	order         []*member          // the same, as assignors want them
	static        map[string]*member // those with an instance id, by it
	subscriptions subscriptions
	regexes       map[string]*regex
	owners        map[Partition]*member // who holds or has yet to give up a partition
	version       int64                 // of the topics, when hash was last compared

	wake    deadline // not after any deadline of a member; zero: there is none
	env     Env      // of the step under way
	records []Record // of the step under way
}

// Effects are what the owner of a group must do after a step.
type Effects struct {
	// Records are to be appended as one write, in this order.
	Records []Record
	// Downgrade is set when the group is to go on as a classic one. This one
	// is not to be used any more.
	Downgrade *Downgrade
}

// New returns a group without members. The id is that of the group, for its records.
func New(cfg *Config, id string) *Group {
	return &Group{
		cfg: cfg, id: id, epoch: firstEpoch, targetEpoch: firstEpoch, members: map[string]*member{}, static: map[string]*member{},
		subscriptions: subscriptions{}, regexes: map[string]*regex{}, owners: map[Partition]*member{},
		version: unresolved,
	}
}

// Empty reports whether the group has no members.
func (g *Group) Empty() bool { return len(g.members) == 0 }

// Idle is Empty: nobody has to ask twice to become a member.
func (g *Group) Idle() bool { return g.Empty() }

// Wake returns when Expire should be called next: not later than the earliest
// deadline. Zero means that nothing is due, ever.
func (g *Group) Wake() time.Time { return g.wake }

// State returns the state.
func (g *Group) State() State {
	switch {
	case len(g.members) == 0:
		return Empty
	case g.epoch > g.targetEpoch:
		return Assigning
	case slices.ContainsFunc(g.order, func(m *member) bool { return !m.reached(g.targetEpoch) }):
		return Reconciling
	}
	return Stable
}

// Subscribed reports whether members read the topic.
func (g *Group) Subscribed(topic string) bool {
	for _, sub := range g.subscriptions {
		if sub.includes(topic) {
			return true
		}
	}
	for _, r := range g.regexes {
		if _, ok := slices.BinarySearch(r.topics, topic); ok {
			return true
		}
	}
	return false
}

// begin and end bracket a step.
func (g *Group) begin(env Env) { g.env = env }

func (g *Group) end() Effects {
	fx := Effects{Records: g.records}
	g.env, g.records = Env{}, nil
	return fx
}

func (g *Group) put(r Record) { g.records = append(g.records, r) }

// arm sets a deadline.
func (g *Group) arm(d *deadline, after time.Duration) {
	*d = g.env.Now.Add(after)
	g.lowerWake(*d)
}

func (g *Group) lowerWake(d deadline) {
	if !d.IsZero() && (g.wake.IsZero() || d.Before(g.wake)) {
		g.wake = d
	}
}

// hear notes a sign of life of m.
func (g *Group) hear(m *member) {
	if m.classic != nil {
		g.arm(&m.session, m.classic.SessionTimeout)
		return
	}
	g.arm(&m.session, g.env.SessionTimeout)
}

// add makes m a member.
func (g *Group) add(m *member) {
	g.members[m.id] = m
	if m.static() {
		g.static[m.instanceID] = m
	}
	i, _ := slices.BinarySearchFunc(g.order, m, (*member).compare)
	g.order = slices.Insert(g.order, i, m)
}

// drop undoes add.
func (g *Group) drop(m *member) {
	delete(g.members, m.id)
	if g.static[m.instanceID] == m {
		delete(g.static, m.instanceID)
	}
	g.order = slices.DeleteFunc(g.order, func(o *member) bool { return o == m })
}

// remove takes m out of the group, with all that it holds.
func (g *Group) remove(m *member) {
	g.drop(m)
	g.advance(m, progress{})
	g.subscriptions.release(m.reads)
	g.putTombstones(m)
}

// putTombstones removes m's records. The order is Kafka's.
func (g *Group) putTombstones(m *member) {
	g.put(tombstone(currentKey(g.id, m.id)))
	g.put(tombstone(targetMemberKey(g.id, m.id)))
	g.put(tombstone(memberKey(g.id, m.id)))
}

// rename gives m another member id: a static member has come back.
func (g *Group) rename(m *member, id string) {
	g.putTombstones(m)
	g.drop(m)
	m.id = id
	g.add(m)
	g.put(memberRecord(g.id, m))
	g.put(targetRecord(g.id, m))
	g.put(currentRecord(g.id, m))
}

// advance gives m another progress, and keeps owners in step.
func (g *Group) advance(m *member, next progress) {
	for _, h := range []held{m.assigned, m.revoking} {
		for p := range h {
			if g.owners[p] == m {
				delete(g.owners, p)
			}
		}
	}
	m.progress = next
	for _, h := range []held{m.assigned, m.revoking} {
		for p := range h {
			g.owners[p] = m
		}
	}
}
