package assignor

import (
	"cmp"
	"container/heap"
	"slices"
)

// maxRounds bounds how often uniformMixed looks at all topics. Where
// subscriptions overlap, each round about halves what is left to even out; where
// they do not, two rounds suffice. Kafka has the same bound.
const maxRounds = 16

// mixed is an assignment in the making for members with different subscriptions.
type mixed struct {
	members     []Member
	topics      []Topic // those with most partitions a subscriber first
	subscribers map[TopicID][]int
	owned       owners
	load        []int // partitions by member
}

// uniformMixed is for members that subscribe to different topics: what they
// own stays, free partitions go to the subscriber with the fewest, and then
// partitions move from who has most to who has least until no topic has two
// subscribers that differ by more than one.
func uniformMixed(members []Member) [][]Partition {
	m := &mixed{members: members, subscribers: make(map[TopicID][]int), owned: make(owners), load: make([]int, len(members))}
	m.collect()
	for i := range members {
		for _, p := range members[i].Owned {
			if m.subscribes(i, p.Topic) && m.owned.take(p, i) {
				m.load[i]++
			}
		}
	}
	for _, t := range m.topics {
		m.distribute(t)
	}
	for range maxRounds {
		if !m.balance() {
			break
		}
	}
	return m.result()
}

func (m *mixed) collect() {
	for i := range m.members {
		for _, t := range m.members[i].Topics {
			if m.subscribers[t.ID] == nil {
				m.topics = append(m.topics, t)
				m.owned.add(t)
			}
			m.subscribers[t.ID] = append(m.subscribers[t.ID], i)
		}
	}
	slices.SortFunc(m.topics, func(a, b Topic) int {
		as, bs := len(m.subscribers[a.ID]), len(m.subscribers[b.ID])
		return cmp.Or(
			cmp.Compare(int(b.Partitions)*as, int(a.Partitions)*bs), // partitions a subscriber
			cmp.Compare(as, bs),
			slices.Compare(a.ID[:], b.ID[:]),
		)
	})
}

func (m *mixed) subscribes(member int, topic TopicID) bool {
	_, ok := slices.BinarySearchFunc(m.members[member].Topics, topic, func(t Topic, id TopicID) int {
		return slices.Compare(t.ID[:], id[:])
	})
	return ok
}

// distribute gives each free partition of t to the subscriber with the fewest.
func (m *mixed) distribute(t Topic) {
	free := m.owned.free(t.ID)
	if len(free) == 0 {
		return
	}
	h := &byLoad{m.load, slices.Clone(m.subscribers[t.ID])}
	heap.Init(h)
	for _, p := range free {
		least := h.members[0]
		m.owned.take(p, least)
		m.load[least]++
		heap.Fix(h, 0)
	}
}

// balance goes through all topics once and reports whether it moved anything.
func (m *mixed) balance() bool {
	moved := false
	for _, t := range m.topics {
		if len(m.subscribers[t.ID]) > 1 && m.balanceTopic(t) {
			moved = true
		}
	}
	return moved
}

// balanceTopic moves partitions of t from the subscriber with most, of those
// that own some of t, to the one with least, until they differ by one at most.
func (m *mixed) balanceTopic(t Topic) bool {
	subscribers := m.subscribers[t.ID]
	byMember := m.partitionsOf(t)
	moved := false
	for {
		most, least := nobody, subscribers[0]
		for _, s := range subscribers {
			if m.load[s] < m.load[least] {
				least = s
			}
			if len(byMember[s]) > 0 && (most == nobody || m.load[s] > m.load[most]) {
				most = s
			}
		}
		if most == nobody || m.load[most]-m.load[least] <= 1 {
			return moved
		}
		of := byMember[most]
		n := of[len(of)-1]
		byMember[most] = of[:len(of)-1]
		byMember[least] = append(byMember[least], n)
		m.owned[t.ID][n] = int32(least)
		m.load[most]--
		m.load[least]++
		moved = true
	}
}

func (m *mixed) partitionsOf(t Topic) map[int][]int32 {
	byMember := make(map[int][]int32)
	for n, owner := range m.owned[t.ID] {
		byMember[int(owner)] = append(byMember[int(owner)], int32(n))
	}
	return byMember
}

func (m *mixed) result() [][]Partition {
	result := make([][]Partition, len(m.members))
	for i := range result {
		result[i] = make([]Partition, 0, m.load[i])
	}
	ids := slices.Clone(m.topics)
	slices.SortFunc(ids, func(a, b Topic) int { return slices.Compare(a.ID[:], b.ID[:]) })
	for _, t := range ids {
		for n, owner := range m.owned[t.ID] {
			result[owner] = append(result[owner], Partition{t.ID, int32(n)})
		}
	}
	return result
}

// byLoad is a heap of members, the one with the fewest partitions first.
type byLoad struct {
	load    []int
	members []int
}

func (h *byLoad) Len() int { return len(h.members) }

func (h *byLoad) Less(i, j int) bool {
	a, b := h.members[i], h.members[j]
	return cmp.Or(cmp.Compare(h.load[a], h.load[b]), cmp.Compare(a, b)) < 0
}

func (h *byLoad) Swap(i, j int) { h.members[i], h.members[j] = h.members[j], h.members[i] }

// Push and Pop are not used: the members stay the same.
func (h *byLoad) Push(any) {}

// Pop is not used.
func (h *byLoad) Pop() any { return nil }
