package consumer

import (
	"bytes"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/assignor"
)

// member is one member of a group. It is owned by its Group.
type member struct {
	id         string
	instanceID string // group.instance.id; "": dynamic member
	rackID     string // "": none
	client     Client
	rebalance  time.Duration // it has so long to give up partitions
	assignor   string        // that it asks for; "": none in particular
	reads      *subscription
	classic    *Classic // nil: the member speaks the consumer protocol

	progress
	target []Partition // what it shall have, in order

	session deadline // without a sign of life until then, it is removed
	revoke  deadline // it must have given up partitions by then
	rejoin  deadline // classic: it must have joined again by then
	sync    deadline // classic: it must have fetched its assignment by then
}

// progress is how far a member has come towards its target.
type progress struct {
	epoch    int32
	previous int32 // epoch before the last answer
	state    memberState
	assigned held // what it may read
	revoking held // what it must give up, and may not have yet
}

// deadline is a moment; zero: not set.
type deadline = time.Time

// Classic is what is kept of a member that speaks the classic protocol.
type Classic struct {
	SessionTimeout time.Duration
	Protocols      []Protocol // in the member's order of preference
}

// Protocol is one way of assigning partitions that a classic member supports.
type Protocol struct {
	Name     string
	Metadata []byte
}

func (m *member) static() bool { return m.instanceID != "" }

// away reports whether m is a static member that has left and will be back.
func (m *member) away() bool { return m.epoch == epochLeaveStatic }

// reached reports whether m has got all of a target of this epoch.
func (m *member) reached(epoch int32) bool { return m.state == stable && m.epoch == epoch }

// spec is m as assignors see it. m's subscription has been resolved.
func (m *member) spec() assignor.Member {
	return assignor.Member{ID: m.id, InstanceID: m.instanceID, Topics: m.reads.topics, Owned: m.target}
}

// compare orders members as assignors want them.
func (m *member) compare(o *member) int {
	a, b := assignor.Member{ID: m.id, InstanceID: m.instanceID}, assignor.Member{ID: o.id, InstanceID: o.instanceID}
	return a.Compare(&b)
}

// assignment is what the member's answer says it may read.
func (m *member) assignment() *kmsg.ConsumerGroupHeartbeatResponseAssignment {
	a := kmsg.NewConsumerGroupHeartbeatResponseAssignment()
	a.Topics = []kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{} // not null
	runs(m.assigned.sorted(), func(topic TopicID, of []Partition) {
		t := kmsg.NewConsumerGroupHeartbeatResponseAssignmentTopic()
		t.TopicID, t.Partitions = topic, numbers(of)
		a.Topics = append(a.Topics, t)
	})
	return &a
}

// supports reports whether a classic member knows the protocol.
func (c *Classic) supports(name string) bool {
	return slices.ContainsFunc(c.Protocols, func(p Protocol) bool { return p.Name == name })
}

// equal reports whether both are the same, or both nil.
func (c *Classic) equal(o *Classic) bool {
	if c == nil || o == nil {
		return c == o
	}
	return c.SessionTimeout == o.SessionTimeout && slices.EqualFunc(c.Protocols, o.Protocols, func(p, q Protocol) bool {
		return p.Name == q.Name && bytes.Equal(p.Metadata, q.Metadata)
	})
}
