package share

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// Group is one group. It is not safe for concurrent use.
type Group struct {
	cfg *Config
	id  string

	epoch       int32 // grows when a new target is needed
	targetEpoch int32 // epoch that the members' targets were computed for
	hash        int64 // of the topics that the members want, when epoch last grew
	members     map[string]*member
	begun       map[TopicID]begun
	stale       bool  // begun has changed since the targets were computed
	version     int64 // of the topics, when hash was last compared

	wake    time.Time // not after the end of any member's session; zero: there is none
	env     Env       // of the step under way
	records []consumer.Record
	gone    []Departure
}

// begun is a topic that the group has begun with.
type begun struct {
	name       string
	partitions int32 // how many of them
}

// member is one member of a group.
type member struct {
	id       string
	rackID   string // "": none
	client   consumer.Client
	wants    []string // topics, in order, each once
	epoch    int32
	previous int32   // epoch before the last answer
	target   holding // what it shall have
	assigned holding // what it was told last
	session  time.Time
}

// holding is partitions by topic, in order.
type holding map[TopicID][]int32

func (h holding) same(o holding) bool { return maps.EqualFunc(h, o, slices.Equal[[]int32]) }

// topics are those in h, in order of their ids.
func (h holding) topics() []TopicID {
	return slices.SortedFunc(maps.Keys(h), func(a, b TopicID) int { return slices.Compare(a[:], b[:]) })
}

// Effects are what the owner of a group must do after a step.
type Effects struct {
	// Records are to be appended as one write, in this order.
	Records []consumer.Record
	// Gone are those that are not members any more.
	Gone []Departure
}

// unresolved is a version that no topics have.
const unresolved = -1

// New returns a group without members.
func New(cfg *Config, id string) *Group {
	return &Group{cfg: cfg, id: id, members: map[string]*member{}, begun: map[TopicID]begun{}, version: unresolved}
}

// Empty reports whether the group has no members.
func (g *Group) Empty() bool { return len(g.members) == 0 }

// Idle is Empty: nobody has to ask twice to become a member.
func (g *Group) Idle() bool { return g.Empty() }

// Bare reports whether there is nothing of the group that anybody could miss.
func (g *Group) Bare() bool { return g.Empty() && len(g.begun) == 0 }

// Wake returns when Expire should be called next. Zero means never.
func (g *Group) Wake() time.Time { return g.wake }

// Subscribed reports whether members want the topic.
func (g *Group) Subscribed(topic string) bool {
	for _, m := range g.members {
		if _, ok := slices.BinarySearch(m.wants, topic); ok {
			return true
		}
	}
	return false
}

// State is Kafka's name of the group's state.
func (g *Group) State() string {
	if g.Empty() {
		return "Empty"
	}
	return "Stable"
}

// Expire takes members out of the group that have been silent for too long.
func (g *Group) Expire(env Env) Effects {
	g.begin(env)
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		if m := g.members[id]; !m.session.After(env.Now) {
			g.remove(m, false)
		}
	}
	g.rearm()
	return g.end()
}

// begin and end bracket a step.
func (g *Group) begin(env Env) { g.env = env }

func (g *Group) end() Effects {
	fx := Effects{Records: g.records, Gone: g.gone}
	g.env, g.records, g.gone = Env{}, nil, nil
	return fx
}

func (g *Group) put(r consumer.Record) { g.records = append(g.records, r) }

// hear notes a sign of life of m.
func (g *Group) hear(m *member) {
	m.session = g.env.Now.Add(g.env.SessionTimeout)
	if g.wake.IsZero() || m.session.Before(g.wake) {
		g.wake = m.session
	}
}

func (g *Group) rearm() {
	g.wake = time.Time{}
	for _, m := range g.members {
		if g.wake.IsZero() || m.session.Before(g.wake) {
			g.wake = m.session
		}
	}
}

// remove takes m out of the group.
func (g *Group) remove(m *member, orderly bool) {
	delete(g.members, m.id)
	g.gone = append(g.gone, Departure{m.id, orderly})
	g.put(tombstone(currentKey(g.id, m.id)))
	g.put(tombstone(targetKey(g.id, m.id)))
	g.put(tombstone(memberKey(g.id, m.id)))
	g.bump(g.hashTopics())
}

// normalized is names in order, each once, in memory of their own.
func normalized(names []string) []string {
	own := make([]string, len(names))
	for i, name := range names {
		own[i] = strings.Clone(name)
	}
	slices.Sort(own)
	return slices.Compact(own)
}
