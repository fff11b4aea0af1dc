// Package state is what is registered, as far as the topic has been read: subjects with
// their versions, ids, contexts, configurations and modes. Records are put into it in
// their order; everybody else only looks things up.
//
// It decides nothing about requests, and refuses of the records only what would give an
// id to a second schema.
package state

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// ErrTaken is in errors about records that give an id which another schema has.
var ErrTaken = errors.New("the id is another schema's")

// A Version is a version of a subject. It does not change.
type Version struct {
	*record.SchemaValue
	// Name is the subject's.
	Name subject.Name
	// GUID is the schema's.
	GUID record.GUID
	// Time is when the record was written, in ms since the epoch.
	Time int64
}

// State is safe for concurrent use.
type State struct {
	mu struct {
		sync.RWMutex
		subjects map[subject.Name][]*Version // by version; never empty
		ids      map[string]*ids             // by context
		contexts map[string]bool             // those that were declared: not the default one
		settings map[subject.Name]*record.ConfigValue
		modes    map[subject.Name]string
		referrer map[at]map[at]bool // who refers to a version; of version -1: to the latest
	}
}

// at is a version's place.
type at struct {
	name    subject.Name
	version int
}

// ids are those of a context.
type ids struct {
	max    int
	byID   map[int]map[subject.Name]int // the version of each subject that has it; never empty
	byGUID map[record.GUID]int
	uses   map[int]int // how many versions have an id
}

// New is the state before the first record.
func New() *State {
	s := &State{}
	s.mu.subjects = map[subject.Name][]*Version{}
	s.mu.ids = map[string]*ids{}
	s.mu.contexts = map[string]bool{}
	s.mu.settings = map[subject.Name]*record.ConfigValue{}
	s.mu.modes = map[subject.Name]string{}
	s.mu.referrer = map[at]map[at]bool{}
	return s
}

// A Timed record is one of which is known when it was written, in ms since the epoch.
type Timed struct {
	record.Record
	Time int64
}

// ApplyAll puts the next records into the state, at once: nobody sees some of them
// without the others. It returns the errors, which are [ErrTaken], by the records'
// places: nothing has changed for those.
func (s *State) ApplyAll(all []Timed) map[int]error {
	s.mu.Lock()
	defer s.mu.Unlock()
	refused := map[int]error{}
	for i, r := range all {
		if err := s.apply(r.Record, r.Time); err != nil {
			refused[i] = err
		}
	}
	return refused
}

// Apply puts the next record into the state, as [State.ApplyAll] does.
func (s *State) Apply(r record.Record, time int64) error {
	return s.ApplyAll([]Timed{{r, time}})[0]
}

func (s *State) apply(r record.Record, time int64) error {
	name := subject.Parse(r.Key.Subject)
	switch v := r.Value.(type) {
	case *record.SchemaValue:
		return s.put(&Version{v, name, v.GUID(), time})
	case *record.ConfigValue:
		s.mu.settings[name] = v
	case *record.ModeValue:
		s.mu.modes[name] = v.Mode
	case *record.ContextValue:
		s.mu.contexts[r.Key.Context] = true
	case *record.MaxID:
		i := s.idsOf(r.Key.Context)
		i.max = max(i.max, v.MaxID)
	case *record.SubjectValue:
		s.applyToSubject(r.Key.Type, name, v.Version)
	case nil:
		s.takeAway(r.Key, name)
	}
	return nil
}

func (s *State) takeAway(k record.Key, name subject.Name) {
	switch k.Type {
	case record.Schema:
		if v := s.find(at{name, k.Version}); v != nil {
			s.unlink(v)
		}
	case record.Config:
		delete(s.mu.settings, name)
	case record.Mode:
		delete(s.mu.modes, name)
	case record.Context:
		delete(s.mu.contexts, k.Context)
	}
}

// applyToSubject marks versions as deleted, up to one, or removes those that are.
func (s *State) applyToSubject(what record.KeyType, name subject.Name, upTo int) {
	if what == record.DeleteSubject {
		for i, v := range s.mu.subjects[name] {
			if v.Version <= upTo && !v.Deleted {
				s.mu.subjects[name][i] = v.deleted()
			}
		}
		return
	}
	for other, versions := range s.mu.subjects {
		if !name.Clears(other) {
			continue
		}
		for _, v := range slices.Clone(versions) {
			if v.Deleted {
				s.unlink(v)
			}
		}
	}
}

// deleted is the same version, deleted.
func (v *Version) deleted() *Version {
	value := *v.SchemaValue
	value.Deleted = true
	gone := *v
	gone.SchemaValue = &value
	return &gone
}

// put adds a version, or puts it in the place of what was there.
func (s *State) put(v *Version) error {
	i := s.idsOf(v.Name.Context)
	for name, version := range i.byID[v.ID] {
		other := s.find(at{name, version})
		if other.Text != v.Text {
			return fmt.Errorf("%w: version %d of %v gives it id %d, which has %v, version %d", ErrTaken, v.Version, v.Name, v.ID, name, version)
		}
		v.SchemaValue.Text = other.Text // one copy of it is enough
		break
	}
	if before := s.find(at{v.Name, v.Version}); before != nil {
		s.unlink(before)
	}
	s.link(v, i)
	return nil
}

func (s *State) link(v *Version, i *ids) {
	all := s.mu.subjects[v.Name]
	where, _ := slices.BinarySearchFunc(all, v.Version, byVersion)
	s.mu.subjects[v.Name] = slices.Insert(all, where, v)
	if i.byID[v.ID] == nil {
		i.byID[v.ID] = map[subject.Name]int{}
	}
	i.byID[v.ID][v.Name] = v.Version
	i.byGUID[v.GUID] = v.ID
	i.uses[v.ID]++
	i.max = max(i.max, v.ID)
	for _, ref := range v.References {
		to := at{v.Name.Within(ref.Subject), ref.Version}
		if s.mu.referrer[to] == nil {
			s.mu.referrer[to] = map[at]bool{}
		}
		s.mu.referrer[to][at{v.Name, v.Version}] = true
	}
}

func (s *State) unlink(v *Version) {
	all := s.mu.subjects[v.Name]
	where, _ := slices.BinarySearchFunc(all, v.Version, byVersion)
	if all = slices.Delete(all, where, where+1); len(all) > 0 {
		s.mu.subjects[v.Name] = all
	} else {
		delete(s.mu.subjects, v.Name)
	}
	s.unlinkID(v, all)
	for _, ref := range v.References {
		to := at{v.Name.Within(ref.Subject), ref.Version}
		if delete(s.mu.referrer[to], at{v.Name, v.Version}); len(s.mu.referrer[to]) == 0 {
			delete(s.mu.referrer, to)
		}
	}
}

// unlinkID lets go of the version's id, unless another of the subject has it.
func (s *State) unlinkID(v *Version, left []*Version) {
	i := s.idsOf(v.Name.Context)
	i.uses[v.ID]--
	if i.byID[v.ID][v.Name] != v.Version {
		return
	}
	for _, other := range left {
		if i.uses[v.ID] == 0 {
			break
		}
		if other.ID == v.ID {
			i.byID[v.ID][v.Name] = other.Version
			return
		}
	}
	if delete(i.byID[v.ID], v.Name); len(i.byID[v.ID]) > 0 {
		return
	}
	delete(i.byID, v.ID)
	delete(i.uses, v.ID)
	if i.byGUID[v.GUID] == v.ID {
		delete(i.byGUID, v.GUID)
	}
}

func byVersion(v *Version, version int) int { return v.Version - version }

// find returns a version, deleted or not; nil if there is none.
func (s *State) find(p at) *Version {
	all := s.mu.subjects[p.name]
	if where, ok := slices.BinarySearchFunc(all, p.version, byVersion); ok {
		return all[where]
	}
	return nil
}

func (s *State) idsOf(context string) *ids {
	i := s.mu.ids[context]
	if i == nil {
		i = &ids{byID: map[int]map[subject.Name]int{}, byGUID: map[record.GUID]int{}, uses: map[int]int{}}
		s.mu.ids[context] = i
	}
	return i
}
