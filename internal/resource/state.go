package resource

import (
	"maps"
	"slices"
	"time"
)

// A Version is a resource as it stands, or stood, in the log.
type Version struct {
	// Resource is what was declared; nil if this version is the deletion.
	Resource *Resource `json:"resource,omitempty"`
	// Key is the resource's.
	Key Key `json:"key"`
	// Revision is the offset of the record that declared it.
	Revision int64 `json:"revision"`
	// Created is the revision that declared it first since it was deleted last.
	Created int64 `json:"created"`
	// Time is when the writer wrote it, by its clock.
	Time time.Time `json:"time"`
	// Actor is who asked for it.
	Actor string `json:"actor"`
	// Request is the same for all that was asked for at once.
	Request string `json:"request"`
}

// A State is all that is declared at one offset of the log. It does not change:
// what comes after it is another.
type State struct {
	// End is the offset of the next record; all before it are in the state.
	End int64

	topic     topicID // whose log it is
	resources map[Key]*Version
	canonical map[Key]string // the same resources
}

// newState is the state before the first record of a log.
func newState(topic topicID, start int64) *State {
	return &State{End: start, topic: topic, resources: map[Key]*Version{}, canonical: map[Key]string{}}
}

// with is the state after more versions, which are in order.
func (s *State) with(end int64, versions []*Version) (*State, error) {
	next := &State{End: end, topic: s.topic, resources: s.resources, canonical: s.canonical}
	if len(versions) > 0 {
		next.resources, next.canonical = maps.Clone(s.resources), maps.Clone(s.canonical)
	}
	for _, v := range versions {
		before := next.resources[v.Key]
		if v.Resource == nil {
			delete(next.resources, v.Key)
			delete(next.canonical, v.Key)
			continue
		}
		text, err := v.Resource.canonical()
		if err != nil {
			return nil, err
		}
		v.Created = v.Revision
		if before != nil {
			v.Created = before.Created
		}
		next.resources[v.Key], next.canonical[v.Key] = v, string(text)
	}
	return next, nil
}

// Get returns a resource as it stands, nil if it is not declared.
func (s *State) Get(k Key) *Version { return s.resources[k] }

// List returns the resources of a kind, or of all if it is empty, by kind and name.
func (s *State) List(kind string) []*Version {
	var all []*Version
	for k, v := range s.resources {
		if kind == "" || k.Kind == kind {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b *Version) int { return a.Key.Compare(b.Key) })
	return all
}

// Of returns the resources of a kind as they are declared, by name.
func (s *State) Of(kind string) []*Resource {
	var all []*Resource
	for _, v := range s.List(kind) {
		all = append(all, v.Resource)
	}
	return all
}

// near ends a sentence about a resource that is not declared: which may be meant.
func (s *State) near(k Key) string {
	var names []string
	for _, v := range s.List(k.Kind) {
		names = append(names, v.Key.Name)
	}
	if len(names) == 0 {
		return ": there is no " + k.Kind + " at all"
	}
	return hint(k.Name, names)
}
