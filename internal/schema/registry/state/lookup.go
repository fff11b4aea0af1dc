package state

import (
	"cmp"
	"maps"
	"slices"

	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// A Filter says which versions are asked for.
type Filter int

// Filters: without deleted ones, all, deleted ones only.
const (
	Live Filter = iota
	All
	Deleted
)

func (f Filter) takes(deleted bool) bool { return f == All || deleted == (f == Deleted) }

// Versions are those of a subject, in their order.
func (s *State) Versions(name subject.Name, f Filter) []*Version {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []*Version
	for _, v := range s.mu.subjects[name] {
		if f.takes(v.Deleted) {
			all = append(all, v)
		}
	}
	return all
}

// Get returns a version; nil if there is none that the filter takes.
func (s *State) Get(name subject.Name, version int, f Filter) *Version {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if v := s.find(at{name, version}); v != nil && f.takes(v.Deleted) {
		return v
	}
	return nil
}

// Latest returns a subject's last version that is not deleted; nil if there is none.
func (s *State) Latest(name subject.Name) *Version {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, v := range slices.Backward(s.mu.subjects[name]) {
		if !v.Deleted {
			return v
		}
	}
	return nil
}

// Next is the number of a subject's next version.
func (s *State) Next(name subject.Name) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if all := s.mu.subjects[name]; len(all) > 0 {
		return all[len(all)-1].Version + 1
	}
	return 1
}

// Subjects are those that match and have a version that the filter takes; of [Deleted],
// nothing but deleted ones. They are sorted by context and name.
func (s *State) Subjects(match func(subject.Name) bool, f Filter) []subject.Name {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []subject.Name
	for name, versions := range s.mu.subjects {
		gone := !slices.ContainsFunc(versions, func(v *Version) bool { return !v.Deleted })
		if f.takes(gone) && match(name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, subject.Name.Compare)
	return names
}

// Has tells whether a subject, or one in the context that the name is, has a version;
// with deleted, one that is deleted is enough.
func (s *State) Has(name subject.Name, deleted bool) bool {
	f := Live
	if deleted {
		f = All
	}
	if name.Subject != "" {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return slices.ContainsFunc(s.mu.subjects[name], func(v *Version) bool { return f.takes(v.Deleted) })
	}
	return len(s.Subjects(name.Covers, f)) > 0
}

// WithID returns the version of a subject that has an id, deleted or not; of a context
// (a name without a subject) the first by name. Nil if there is none.
func (s *State) WithID(name subject.Name, id int) *Version {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := s.mu.ids[name.Context]
	if i == nil || len(i.byID[id]) == 0 {
		return nil
	}
	if name.Subject == "" {
		name = slices.MinFunc(slices.Collect(maps.Keys(i.byID[id])), subject.Name.Compare)
	}
	return s.find(at{name, i.byID[id][name]})
}

// WithGUID returns the id of a schema in a context; false if it is not there.
func (s *State) WithGUID(context string, g record.GUID) (id int, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i := s.mu.ids[context]; i != nil {
		id, ok = i.byGUID[g]
	}
	return id, ok
}

// Users are the versions that have an id in a context, one of each subject, by name.
func (s *State) Users(context string, id int, f Filter) []*Version {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := s.mu.ids[context]
	if i == nil {
		return nil
	}
	var all []*Version
	for name, version := range i.byID[id] {
		if v := s.find(at{name, version}); f.takes(v.Deleted) {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b *Version) int { return a.Name.Compare(b.Name) })
	return all
}

// MaxID is the highest id that was ever given in a context; 0: none was.
func (s *State) MaxID(context string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i := s.mu.ids[context]; i != nil {
		return i.max
	}
	return 0
}

// Referrers are the versions that refer to one, by subject and version.
func (s *State) Referrers(name subject.Name, version int, f Filter) []*Version {
	var latest *Version
	if s.refersToLatest(name) {
		latest = s.Latest(name)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	from := maps.Clone(s.mu.referrer[at{name, version}])
	if from == nil {
		from = map[at]bool{}
	}
	if latest != nil && latest.Version == version {
		maps.Copy(from, s.mu.referrer[at{name, -1}])
	}
	var all []*Version
	for p := range from {
		if v := s.find(p); f.takes(v.Deleted) {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b *Version) int { return cmp.Or(a.Name.Compare(b.Name), a.Version-b.Version) })
	return all
}

func (s *State) refersToLatest(name subject.Name) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.mu.referrer[at{name, -1}]) > 0
}

// Contexts are those that there are beside the default one, sorted.
func (s *State) Contexts() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.mu.contexts))
}

// HasContext tells whether a context was declared.
func (s *State) HasContext(context string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.contexts[context]
}

// Settings are those of just this name; nil if it has none.
func (s *State) Settings(name subject.Name) *record.Settings {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if v := s.mu.settings[name]; v != nil {
		return &v.Settings
	}
	return nil
}

// Aliases are the subjects whose settings name another, by their own name.
func (s *State) Aliases() map[subject.Name]subject.Name {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := map[subject.Name]subject.Name{}
	for name, v := range s.mu.settings {
		if v.Alias != "" {
			all[name] = name.Within(v.Alias)
		}
	}
	return all
}

// Mode is that of just this name; empty if it has none.
func (s *State) Mode(name subject.Name) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.modes[name]
}

// Modes are the names that match and have a mode, sorted.
func (s *State) Modes(match func(subject.Name) bool) []subject.Name {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []subject.Name
	for name := range s.mu.modes {
		if match(name) {
			all = append(all, name)
		}
	}
	slices.SortFunc(all, subject.Name.Compare)
	return all
}

// Size is how many subjects and schemas there are, deleted ones too.
func (s *State) Size() (subjects, schemas int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, i := range s.mu.ids {
		schemas += len(i.byID)
	}
	return len(s.mu.subjects), schemas
}
