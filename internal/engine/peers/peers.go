// Package peers lets the members of a consumer group know where the others are
// reached: by HTTP, and which partitions each has. It rides on the group's own
// protocol, as user data of the members' subscriptions and of what the leader
// assigns, so that it works on any broker, needs no register beside the group, and
// is as fresh as the assignment is.
//
// It shares nothing out itself: that is another balancer's.
package peers

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A Member is one of a group.
type Member struct {
	// ID is the group's name for the member.
	ID string `json:"id"`
	// Address is the base URL under which the member is reached; empty if it has not
	// said.
	Address string `json:"address"`
	// Partitions are those that the member has, by topic.
	Partitions map[string][]int32 `json:"partitions"`
}

// A View is what a member knows of its group. It is safe for concurrent use.
type View struct {
	address string
	members atomic.Pointer[[]Member]
	own     atomic.Pointer[map[string][]int32] // this member's partitions
	changed func()                             // nil, or told after each change
}

// NewView makes a view for a member that is reached under a base URL.
func NewView(address string) *View { return &View{address: address} }

// OnChange has f called whenever members, or what they have, may be others than
// before. It is for one caller, before the view is used.
func (v *View) OnChange(f func()) { v.changed = f }

// Members are those of the group as it was shared out last, with this one among
// them; none before the first time.
func (v *View) Members() []Member {
	if all := v.members.Load(); all != nil {
		return *all
	}
	return nil
}

// Known tells whether the others know where this member is, as far as they were told
// of members at all.
func (v *View) Known() bool {
	all := v.Members()
	return len(all) == 0 || slices.ContainsFunc(all, func(m Member) bool { return m.Address == v.address })
}

// Owner is where the member is reached that has a partition; false if nobody has
// it, or nobody knows where.
func (v *View) Owner(topic string, partition int32) (address string, ok bool) {
	// What it was told of itself may be from before its restart, at another address.
	if own := v.own.Load(); own != nil && slices.Contains((*own)[topic], partition) {
		return v.address, v.address != ""
	}
	for _, m := range v.Members() {
		if slices.Contains(m.Partitions[topic], partition) {
			return m.Address, m.Address != ""
		}
	}
	return "", false
}

// Balancer shares partitions out as inner does, and lets v know of the members.
// All members of a group must use it.
func (v *View) Balancer(inner kgo.GroupBalancer) kgo.GroupBalancer {
	return &balancer{inner, v}
}

type balancer struct {
	kgo.GroupBalancer
	view *View
}

// subscription is the user data of a member's subscription.
type subscription struct {
	Address string `json:"address"`
	Inner   []byte `json:"inner"` // the user data of the balancer inside
}

// assignment is the user data of what the leader assigns.
type assignment struct {
	Members []Member `json:"members"`
	Inner   []byte   `json:"inner"`
}

// ProtocolName is that of the balancer inside with an end of its own: members that
// do not know of one another cannot join by mistake.
func (b *balancer) ProtocolName() string { return b.GroupBalancer.ProtocolName() + "-peers" }

func (b *balancer) JoinGroupMetadata(topics []string, current map[string][]int32, generation int32) []byte {
	inner := b.GroupBalancer.JoinGroupMetadata(topics, current, generation)
	var meta kmsg.ConsumerMemberMetadata
	if meta.ReadFrom(inner) != nil {
		return inner // no consumer's: there is nowhere to put it
	}
	data, err := json.Marshal(subscription{b.view.address, meta.UserData})
	if err != nil {
		return inner
	}
	meta.UserData = data
	return meta.AppendTo(nil)
}

func (b *balancer) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	addresses := map[string]string{}
	stripped := slices.Clone(members)
	for i := range stripped {
		m := &stripped[i]
		var meta kmsg.ConsumerMemberMetadata
		if err := meta.ReadFrom(m.ProtocolMetadata); err != nil {
			return nil, nil, fmt.Errorf("subscription of member %q: %w", m.MemberID, err)
		}
		var data subscription
		if err := json.Unmarshal(meta.UserData, &data); err != nil {
			return nil, nil, fmt.Errorf("user data of member %q: %w", m.MemberID, err)
		}
		addresses[m.MemberID] = data.Address
		meta.UserData = data.Inner
		m.ProtocolMetadata = meta.AppendTo(nil)
	}
	inner, topics, err := b.GroupBalancer.MemberBalancer(stripped)
	return &memberBalancer{inner, addresses}, topics, err
}

func (b *balancer) ParseSyncAssignment(text []byte) (map[string][]int32, error) {
	var plan kmsg.ConsumerMemberAssignment
	if len(text) == 0 {
		return b.GroupBalancer.ParseSyncAssignment(text)
	}
	if err := plan.ReadFrom(text); err != nil {
		return nil, fmt.Errorf("assignment: %w", err)
	}
	var data assignment
	if err := json.Unmarshal(plan.UserData, &data); err != nil {
		return nil, fmt.Errorf("user data of the assignment: %w", err)
	}
	plan.UserData = data.Inner
	own := map[string][]int32{}
	for _, t := range plan.Topics {
		own[t.Topic] = t.Partitions
	}
	b.view.own.Store(&own)
	b.view.members.Store(&data.Members)
	if b.view.changed != nil {
		b.view.changed()
	}
	return b.GroupBalancer.ParseSyncAssignment(plan.AppendTo(nil))
}

// memberBalancer is the leader's, for one time.
type memberBalancer struct {
	inner     kgo.GroupMemberBalancer
	addresses map[string]string // by member
}

func (b *memberBalancer) Balance(topics map[string]int32) kgo.IntoSyncAssignment {
	into, err := b.BalanceOrError(topics)
	if err != nil {
		return failed{}
	}
	return into
}

// BalanceOrError is asked for instead of Balance, if there is an error to tell.
func (b *memberBalancer) BalanceOrError(topics map[string]int32) (kgo.IntoSyncAssignment, error) {
	if inner, ok := b.inner.(kgo.GroupMemberBalancerOrError); ok {
		into, err := inner.BalanceOrError(topics)
		return &plan{into, b.addresses}, err
	}
	return &plan{b.inner.Balance(topics), b.addresses}, nil
}

// failed assigns nothing to anybody.
type failed struct{}

func (failed) IntoSyncAssignment() []kmsg.SyncGroupRequestGroupAssignment { return nil }

// plan is what the leader assigns.
type plan struct {
	inner     kgo.IntoSyncAssignment
	addresses map[string]string
}

func (p *plan) IntoSyncAssignment() []kmsg.SyncGroupRequestGroupAssignment {
	all := p.inner.IntoSyncAssignment()
	plans := make([]kmsg.ConsumerMemberAssignment, len(all))
	members := make([]Member, len(all))
	for i, a := range all {
		if err := plans[i].ReadFrom(a.MemberAssignment); err != nil {
			return all // no consumer's
		}
		members[i] = Member{ID: a.MemberID, Address: p.addresses[a.MemberID], Partitions: map[string][]int32{}}
		for _, t := range plans[i].Topics {
			members[i].Partitions[t.Topic] = t.Partitions
		}
	}
	for i := range all {
		data, err := json.Marshal(assignment{members, plans[i].UserData})
		if err != nil {
			return all
		}
		plans[i].UserData = data
		all[i].MemberAssignment = plans[i].AppendTo(nil)
	}
	return all
}
