package assignor

import (
	"bytes"
	"cmp"
	"slices"
)

// TopicID is a topic's id (KIP-516).
type TopicID = [16]byte

// Partition is a partition of a topic.
type Partition struct {
	Topic  TopicID
	Number int32
}

// Compare orders partitions by topic id, then number.
func (p Partition) Compare(q Partition) int {
	if p.Topic != q.Topic {
		return bytes.Compare(p.Topic[:], q.Topic[:])
	}
	return cmp.Compare(p.Number, q.Number)
}

// Topic is a topic that members subscribe to.
type Topic struct {
	ID         TopicID
	Partitions int32 // how many it has
}

// Member is a member of the group. Assignors change nothing in it.
type Member struct {
	// ID is the member's id, and InstanceID that of a static member, else "".
	ID, InstanceID string
	// Topics are those that the member subscribes to, in order of their ids,
	// each once. Members with the same subscription may share the slice.
	Topics []Topic
	// Owned is what the member was assigned last, in order, each once.
	Owned []Partition
}

// Assignor returns what each member gets, by its index, in order. The members
// must be in the order of [Compare], which makes the result repeatable.
type Assignor func(members []Member) [][]Partition

// Compare is the order of members: static ones first, by instance id, so that
// they keep their places when they come back with new member ids.
func (m *Member) Compare(n *Member) int {
	switch {
	case m.InstanceID != "" && n.InstanceID != "":
		return cmp.Compare(m.InstanceID, n.InstanceID)
	case m.InstanceID != "":
		return -1
	case n.InstanceID != "":
		return 1
	}
	return cmp.Compare(m.ID, n.ID)
}

// alike reports whether all members subscribe to the same topics.
func alike(members []Member) bool {
	first := members[0].Topics
	return !slices.ContainsFunc(members[1:], func(m Member) bool { return !same(first, m.Topics) })
}

func same(a, b []Topic) bool {
	if len(a) != len(b) || len(a) == 0 {
		return len(a) == len(b)
	}
	return &a[0] == &b[0] || slices.Equal(a, b)
}

// owners knows who owns each partition of some topics: an index of members, or nobody.
type owners map[TopicID][]int32

const nobody = -1

func (o owners) add(t Topic) {
	if _, ok := o[t.ID]; ok {
		return
	}
	free := make([]int32, t.Partitions)
	for i := range free {
		free[i] = nobody
	}
	o[t.ID] = free
}

// take gives p to the member if there is such a partition and it is free.
func (o owners) take(p Partition, member int) bool {
	of := o[p.Topic]
	if p.Number < 0 || int(p.Number) >= len(of) || of[p.Number] != nobody {
		return false
	}
	of[p.Number] = int32(member)
	return true
}

// free returns the partitions of the topic that nobody owns.
func (o owners) free(topic TopicID) []Partition {
	var free []Partition
	for n, owner := range o[topic] {
		if owner == nobody {
			free = append(free, Partition{topic, int32(n)})
		}
	}
	return free
}
