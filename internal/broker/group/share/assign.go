package share

import (
	"cmp"
	"slices"
)

// assign spreads the partitions of a topic over the members that want it, in
// order: so that every partition has a member and every member a partition, all
// have about the same, and as much as possible stays as it is. It is the
// assignor that Kafka calls "simple". have is what each member has now.
func assign(members []string, partitions int32, have func(member string) []int32) map[string][]int32 {
	n := len(members)
	if n == 0 || partitions <= 0 {
		return nil
	}
	s := spread{shares: (n + int(partitions) - 1) / int(partitions), load: make([]int, partitions), got: make(map[string][]int32, n)}
	slots := s.shares * int(partitions)
	quota := func(i int) int { return slots*(i+1)/n - slots*i/n }
	for i, m := range members {
		s.keep(m, have(m), quota(i))
	}
	for i, m := range members {
		s.fill(m, quota(i))
	}
	return s.got
}

// spread is an assign at work.
type spread struct {
	shares int   // how many members a partition is to have
	load   []int // how many it has
	got    map[string][]int32
}

// keep lets a member have at most quota of what it had.
func (s *spread) keep(member string, had []int32, quota int) {
	for _, p := range had {
		if len(s.got[member]) < quota && p >= 0 && int(p) < len(s.load) && s.load[p] < s.shares {
			s.give(member, p)
		}
	}
}

// fill gives a member partitions up to its quota, those first that have the
// fewest members.
func (s *spread) fill(member string, quota int) {
	for len(s.got[member]) < quota {
		best := int32(-1)
		for p := range int32(len(s.load)) {
			if (best < 0 || s.load[p] < s.load[best]) && !slices.Contains(s.got[member], p) {
				best = p
			}
		}
		s.give(member, best)
	}
	slices.SortFunc(s.got[member], cmp.Compare[int32])
}

func (s *spread) give(member string, p int32) {
	s.got[member] = append(s.got[member], p)
	s.load[p]++
}
