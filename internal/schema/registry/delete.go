package registry

import (
	"context"
	"slices"

	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/state"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// DeleteVersion deletes a version, -1 the latest, where it is this node's turn, and
// returns its number. A version that is deleted can be asked for still, and is gone when
// it is deleted once more with permanent.
func (r *Registry) DeleteVersion(ctx context.Context, name subject.Name, version int, permanent bool) (int, error) {
	err := r.change(ctx, func() ([]record.Record, error) {
		s := r.State()
		v, err := deletable(s, name, version, permanent)
		if err != nil {
			return nil, err
		}
		version = v.Version
		if !permanent {
			gone := *v.SchemaValue
			gone.Deleted = true
			return []record.Record{{Key: schemaKey(name, version), Value: &gone}}, nil
		}
		all := withMaxID(s, []record.Record{{Key: schemaKey(name, version)}}, v)
		if len(s.Versions(name, state.All)) == 1 {
			all = append(all, ownRecords(s, name)...)
		}
		return all, nil
	})
	return version, err
}

func deletable(s *state.State, name subject.Name, version int, permanent bool) (*state.Version, error) {
	v := s.Get(name, version, state.All)
	if version == -1 {
		v = s.Latest(name)
	}
	switch {
	case v == nil && !s.Has(name, true):
		return nil, subjectNotFound(name)
	case v == nil:
		return nil, versionNotFound(version)
	case !permanent && v.Deleted:
		return nil, Errorf(VersionSoftDeleted, "Subject '%v' Version %d was soft deleted.Set permanent=true to delete permanently", name, v.Version)
	}
	if err := checkWritable(s, name); err != nil {
		return nil, err
	}
	if len(s.Referrers(name, v.Version, referring(permanent))) > 0 {
		return nil, referenceExists(name, v.Version)
	}
	if permanent && !v.Deleted {
		return nil, Errorf(VersionNotSoftDeleted, "Subject '%v' Version %d was not deleted first before being permanently deleted", name, v.Version)
	}
	return v, nil
}

// referring are the versions whose references count: also those of deleted ones, if what
// they refer to would be gone.
func referring(permanent bool) state.Filter {
	if permanent {
		return state.All
	}
	return state.Live
}

func referenceExists(name subject.Name, version int) error {
	return Errorf(ReferenceExists, "One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=%v,version=%d}.", name, version)
}

// withMaxID adds a record of the highest id of a context, if a version has it that is
// deleted for good: compaction takes the version's records away, and the id must not be
// given again.
func withMaxID(s *state.State, all []record.Record, gone ...*state.Version) []record.Record {
	for _, v := range gone {
		if highest := s.MaxID(v.Name.Context); v.ID == highest {
			return append(all, record.Record{Key: record.Key{Type: record.Noop, Context: v.Name.Context}, Value: &record.MaxID{MaxID: highest}})
		}
	}
	return all
}

// ownRecords take away the settings and the mode of a subject that is gone.
func ownRecords(s *state.State, name subject.Name) (all []record.Record) {
	if s.Mode(name) != "" {
		all = append(all, record.Record{Key: record.Key{Type: record.Mode, Subject: name.String()}})
	}
	if s.Settings(name) != nil {
		all = append(all, record.Record{Key: record.Key{Type: record.Config, Subject: name.String()}})
	}
	return all
}

// DeleteSubject deletes all versions of a subject, where it is this node's turn, and
// returns their numbers. What is deleted is gone with permanent.
func (r *Registry) DeleteSubject(ctx context.Context, name subject.Name, permanent bool) (versions []int, err error) {
	err = r.change(ctx, func() ([]record.Record, error) {
		s := r.State()
		going, err := subjectDeletable(s, name, permanent)
		if err != nil {
			return nil, err
		}
		for _, v := range going {
			versions = append(versions, v.Version)
		}
		if !permanent {
			last := &record.SubjectValue{Subject: name.String(), Version: versions[len(versions)-1]}
			return []record.Record{{Key: record.Key{Type: record.DeleteSubject, Subject: name.String()}, Value: last}}, nil
		}
		var all []record.Record
		for _, v := range slices.Backward(going) { // those that refer to others first
			all = append(all, record.Record{Key: schemaKey(name, v.Version)})
		}
		return append(withMaxID(s, all, going...), ownRecords(s, name)...), nil
	})
	return versions, err
}

func subjectDeletable(s *state.State, name subject.Name, permanent bool) ([]*state.Version, error) {
	filter := state.Live
	if permanent {
		filter = state.All
	}
	going := s.Versions(name, filter)
	switch {
	case !s.Has(name, true) || name.Subject == "":
		return nil, subjectNotFound(name)
	case len(going) == 0:
		return nil, Errorf(SubjectSoftDeleted, "Subject '%v' was soft deleted.Set permanent=true to delete permanently", name)
	}
	if err := checkWritable(s, name); err != nil {
		return nil, err
	}
	for _, v := range going {
		for _, other := range s.Referrers(name, v.Version, referring(permanent)) {
			if other.Name != name {
				return nil, referenceExists(name, v.Version)
			}
		}
		if permanent && !v.Deleted {
			return nil, Errorf(SubjectNotSoftDeleted, "Subject '%v' was not deleted first before being permanently deleted", name)
		}
	}
	return going, nil
}

// DeleteContext takes an empty context from the list of those that there are, where it
// is this node's turn.
func (r *Registry) DeleteContext(ctx context.Context, name subject.Name) error {
	return r.change(ctx, func() ([]record.Record, error) {
		s := r.State()
		if s.Has(subject.Name{Context: name.Context}, true) {
			return nil, Errorf(ContextNotEmpty, "The specified context '%s' is not empty.", name.ContextPrefix())
		}
		if !s.HasContext(name.Context) {
			return nil, nil
		}
		return []record.Record{{Key: record.Key{Type: record.Context, Context: name.Context}}}, nil
	})
}
