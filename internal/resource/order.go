package resource

import (
	"slices"
	"strings"
)

// A sorter orders keys by references, depth first.
type sorter struct {
	*planner
	mark          map[Key]marking
	path          []Key // of references that are being followed
	made, deleted []Key
}

type marking int

const (
	unseen marking = iota
	followed
	done
)

func (s *sorter) visit(key Key) {
	switch s.mark[key] {
	case done:
		return
	case followed:
		s.cycle(key)
		return
	}
	s.mark[key] = followed
	s.path = append(s.path, key)
	r, changes := s.after[key]
	declared := r
	if v := s.state.Get(key); r == nil && v != nil {
		declared = v.Resource // it stays, or its references say what it goes before
	}
	if declared != nil {
		for _, ref := range s.references(declared) {
			s.visit(ref.To)
		}
	}
	s.path = s.path[:len(s.path)-1]
	s.mark[key] = done
	switch {
	case changes && r == nil:
		s.deleted = append(s.deleted, key)
	case changes:
		s.made = append(s.made, key)
	}
}

// cycle tells of references that come back to where they began.
func (s *sorter) cycle(key Key) {
	circle := s.path[slices.Index(s.path, key):]
	var names []string
	index := -1
	for _, k := range circle {
		if r, changes := s.after[k]; changes && r == nil {
			return // of what goes, nobody minds
		} else if changes && index < 0 {
			index = s.index[k]
		}
		names = append(names, k.String())
	}
	s.fault(index, "/spec", "references go in a circle: %s -> %v", strings.Join(names, " -> "), key)
}

// sortedKeys are the keys of what changes, by kind and name.
func sortedKeys(m map[Key]*Resource) []Key {
	keys := make([]Key, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, Key.Compare)
	return keys
}
