package group

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrUserData means that a member of the group says of itself what cannot be read: it
// is no node of Evident's.
var ErrUserData = errors.New("user data in a processor's group")

// balancer is the group's, as kgo wants one.
type balancer struct{ group *Group }

// ProtocolName tells the group's members from those that share out otherwise.
func (b *balancer) ProtocolName() string { return "evident-tasks" }

// IsCooperative lets members keep what stays theirs (KIP-429).
func (b *balancer) IsCooperative() bool { return true }

// JoinGroupMetadata is a member's subscription: what it has, and copies of what.
func (b *balancer) JoinGroupMetadata(topics []string, current map[string][]int32, generation int32) []byte {
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Version = 3 // with owned partitions (KIP-429) and their generation (KIP-792)
	meta.Topics = topics
	meta.Generation = generation
	for _, t := range slices.Sorted(maps.Keys(current)) {
		owned := kmsg.NewConsumerMemberMetadataOwnedPartition()
		owned.Topic, owned.Partitions = t, current[t]
		meta.OwnedPartitions = append(meta.OwnedPartitions, owned)
	}
	cfg := &b.group.cfg
	data, err := json.Marshal(introduction{wireVersion, cfg.Instance, cfg.Workers, cfg.Copies()})
	if err != nil {
		data = nil // numbers and a name: it does not fail
	}
	meta.UserData = data
	return meta.AppendTo(nil)
}

// ParseSyncAssignment takes what this member is given, and notes what it is told of
// the others.
func (b *balancer) ParseSyncAssignment(text []byte) (map[string][]int32, error) {
	if len(text) == 0 {
		return map[string][]int32{}, nil
	}
	var got kmsg.ConsumerMemberAssignment
	if err := got.ReadFrom(text); err != nil {
		return nil, fmt.Errorf("assignment: %w", err)
	}
	p, err := readPlan(got.UserData)
	if err != nil {
		return nil, err
	}
	own := map[string][]int32{}
	for _, t := range got.Topics {
		own[t.Topic] = t.Partitions
	}
	b.group.learn(p)
	return own, nil
}

// MemberBalancer prepares the leader to share out.
func (b *balancer) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	a := &assigner{standbys: b.group.cfg.Standbys, topics: map[string]struct{}{}}
	for _, m := range members {
		var meta kmsg.ConsumerMemberMetadata
		if err := meta.ReadFrom(m.ProtocolMetadata); err != nil {
			return nil, nil, fmt.Errorf("subscription of member %q: %w", m.MemberID, err)
		}
		intro, err := readIntroduction(meta.UserData)
		if err != nil {
			return nil, nil, fmt.Errorf("member %q: %w", m.MemberID, err)
		}
		for _, t := range meta.Topics {
			a.topics[t] = struct{}{}
		}
		a.candidates = append(a.candidates, candidate{m.MemberID, meta, intro})
	}
	return a, a.topics, nil
}

// A candidate is a member as it introduces itself.
type candidate struct {
	id    string
	meta  kmsg.ConsumerMemberMetadata
	intro introduction
}

// assigner is the leader's, for one time.
type assigner struct {
	candidates []candidate
	topics     map[string]struct{}
	standbys   int
}

// Balance shares tasks out: task N is partition N of each topic that has one.
func (a *assigner) Balance(topics map[string]int32) kgo.IntoSyncAssignment {
	nodes := make([]node, len(a.candidates))
	for i, c := range a.candidates {
		nodes[i] = c.node(len(a.topics))
	}
	tasks := int32(0)
	for _, n := range topics {
		tasks = max(tasks, n)
	}
	return &shared{a, topics, shareOut(nodes, tasks, a.standbys)}
}

// node is a member as the sharing sees it.
func (c *candidate) node(topics int) node {
	n := node{id: c.id, able: len(c.meta.Topics) == topics, copies: c.intro.Copies, claims: map[int32]int32{}}
	for _, t := range c.meta.OwnedPartitions {
		for _, p := range t.Partitions {
			n.claims[p] = c.meta.Generation
		}
	}
	return n
}

// shared is what was shared out.
type shared struct {
	*assigner
	partitions map[string]int32 // by topic
	share      share
}

// IntoSyncAssignment is it as members are told.
func (s *shared) IntoSyncAssignment() []kmsg.SyncGroupRequestGroupAssignment {
	p := plan{Version: wireVersion}
	for i, c := range s.candidates {
		p.Members = append(p.Members, roster{c.id, c.intro.Instance, c.intro.Workers, s.share.duties[i]})
	}
	data, err := json.Marshal(p)
	if err != nil {
		return nil // numbers and names: it does not fail
	}
	all := make([]kmsg.SyncGroupRequestGroupAssignment, len(s.candidates))
	for i, c := range s.candidates {
		got := kmsg.ConsumerMemberAssignment{UserData: data}
		for _, topic := range slices.Sorted(maps.Keys(s.partitions)) {
			if own := s.partitionsOf(i, topic); len(own) > 0 {
				got.Topics = append(got.Topics, kmsg.ConsumerMemberAssignmentTopic{Topic: topic, Partitions: own})
			}
		}
		all[i] = kmsg.SyncGroupRequestGroupAssignment{MemberID: c.id, MemberAssignment: got.AppendTo(nil)}
	}
	return all
}

// partitionsOf are those of a topic that a member is given.
func (s *shared) partitionsOf(member int, topic string) (own []int32) {
	for t, owner := range s.share.owners {
		if owner == member && int32(t) < s.partitions[topic] {
			own = append(own, int32(t))
		}
	}
	return own
}
