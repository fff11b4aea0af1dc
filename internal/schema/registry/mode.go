package registry

import (
	"context"
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/state"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// Mode is that of just a name, or with inherited the one that holds for it. The error is
// [NoMode] if there is none.
func (r *Registry) Mode(name subject.Name, inherited bool) (string, error) {
	s := r.State()
	if inherited {
		return modeFor(s, name), nil
	}
	if own := ownMode(s, name); own != "" {
		return own, nil
	}
	return "", Errorf(NoMode, "Subject '%v' does not have subject-level mode configured", name)
}

// ParseMode reads a mode for a name.
func ParseMode(text string, name subject.Name) (string, error) {
	mode := strings.ToUpper(text)
	switch {
	case mode == Forward && name != everywhere():
		return "", Errorf(InvalidMode, "Forward mode only supported on global level")
	case !slices.Contains([]string{ReadWrite, ReadOnly, ReadOnlyOverride, Import, Forward}, mode):
		return "", Errorf(InvalidMode, "Invalid mode. Valid values are READWRITE, READONLY, IMPORT and FORWARD.")
	}
	return mode, nil
}

// SetMode gives a name a mode, where it is this node's turn. To import there must be
// nothing registered there, or force; what is deleted is gone then.
func (r *Registry) SetMode(ctx context.Context, name subject.Name, mode string, force bool) error {
	return r.change(ctx, func() ([]record.Record, error) {
		s := r.State()
		var all []record.Record
		if mode == Import && modeFor(s, name) != Import && !force {
			var err error
			if all, err = clear(s, name); err != nil {
				return nil, err
			}
		}
		value := &record.ModeValue{Subject: name.String(), Mode: mode}
		return append(all, record.Record{Key: modeKey(name), Value: value}), nil
	})
}

func modeKey(name subject.Name) record.Key {
	return record.Key{Type: record.Mode, Subject: name.String()}
}

// clear takes away what is deleted where nothing else may be.
func clear(s *state.State, name subject.Name) ([]record.Record, error) {
	if len(s.Subjects(name.Clears, state.Live)) > 0 {
		return nil, Errorf(NotPermitted, "Cannot import since found existing subjects")
	}
	var all []record.Record
	highest := map[string]*state.Version{}
	for _, n := range s.Subjects(name.Clears, state.All) {
		for _, v := range s.Versions(n, state.All) {
			if len(s.Referrers(n, v.Version, state.All)) > 0 {
				return nil, referenceExists(n, v.Version)
			}
			all = append(all, record.Record{Key: schemaKey(n, v.Version)})
			if h := highest[n.Context]; h == nil || h.ID < v.ID {
				highest[n.Context] = v
			}
		}
	}
	for _, v := range highest {
		all = withMaxID(s, all, v)
	}
	value := &record.SubjectValue{Subject: name.String()}
	return append(all, record.Record{Key: record.Key{Type: record.ClearSubject, Subject: name.String()}, Value: value}), nil
}

// DeleteMode takes the mode of a name away, where it is this node's turn, and returns
// what it was. With recursive, those of all subjects of a context go, too.
func (r *Registry) DeleteMode(ctx context.Context, name subject.Name, recursive bool) (string, error) {
	var before string
	err := r.change(ctx, func() ([]record.Record, error) {
		s := r.State()
		if before = ownMode(s, name); before == "" && !recursive {
			return nil, subjectNotFound(name)
		}
		all := []record.Record{{Key: modeKey(name)}}
		if recursive && name.Subject == "" {
			for _, n := range s.Modes(name.Covers) {
				all = append(all, record.Record{Key: modeKey(n)})
			}
		}
		return all, nil
	})
	return before, err
}
