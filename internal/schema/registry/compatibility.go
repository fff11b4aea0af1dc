package registry

import (
	"fmt"
	"iter"
	"slices"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/state"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// checkCompatible says why a schema may not follow versions, which are in their order,
// as lines that clients know.
func (r *Registry) checkCompatible(s *record.Settings, next schema.Schema, m *record.Metadata, versions []*state.Version) ([]string, error) {
	level, err := schema.ParseCompatibility(s.CompatibilityLevel)
	if err != nil {
		return nil, Errorf(InvalidCompatibility, "%w", err)
	}
	policy, err := schema.ParsePolicy(s.CompatibilityPolicy)
	if err != nil {
		return nil, Errorf(InvalidCompatibility, "%w", err)
	}
	var broken error
	lines := schema.Check(level, policy, next, r.newestFirst(sameGroup(s.CompatibilityGroup, m, versions), &broken))
	if broken != nil {
		return nil, broken
	}
	if len(lines) > 0 {
		validate := s.ValidateFields != nil && *s.ValidateFields
		lines = append(lines, fmt.Sprintf("{validateFields: '%v', compatibility: '%s'}", validate, level))
	}
	return lines, nil
}

// sameGroup are the versions whose metadata have the same value of a property, or have
// none as well; without a property, all.
func sameGroup(property string, m *record.Metadata, versions []*state.Version) []*state.Version {
	if property == "" {
		return versions
	}
	want, has := propertyOf(m, property)
	return slices.DeleteFunc(slices.Clone(versions), func(v *state.Version) bool {
		value, is := propertyOf(v.Metadata, property)
		return is != has || value != want
	})
}

func propertyOf(m *record.Metadata, name string) (value string, ok bool) {
	if m != nil {
		value, ok = m.Properties[name]
	}
	return value, ok
}

// newestFirst parses versions as they are asked for. It ends with an error at one that
// cannot be.
func (r *Registry) newestFirst(versions []*state.Version, broken *error) iter.Seq2[int, schema.Schema] {
	return func(yield func(int, schema.Schema) bool) {
		for _, v := range slices.Backward(versions) {
			parsed, err := r.parse(v.Name, v.SchemaValue, false)
			if err != nil {
				*broken = fmt.Errorf("version %d of %v, which is registered already: %w", v.Version, v.Name, err)
				return
			}
			if !yield(v.Version, parsed) {
				return
			}
		}
	}
}

// Compatible says why a schema may not be registered under a subject, as lines; none
// means that it may. version is the one that it is compared with, -1 the latest, 0 those
// that it would be on registering.
func (r *Registry) Compatible(name subject.Name, version int, want Wanted, normalize bool) ([]string, error) {
	s := r.State()
	versions := s.Versions(name, state.Live)
	switch {
	case version == -1 && len(versions) > 0:
		versions = versions[len(versions)-1:]
	case version > 0:
		v := s.Get(name, version, state.Live)
		if v == nil {
			return nil, versionNotFound(version)
		}
		versions = []*state.Version{v}
	}
	settings := settingsFor(s, name)
	next, _, err := r.canonical(name, want.value(), settings, normalize, validatesNew(settings))
	if err != nil {
		return nil, err
	}
	return r.checkCompatible(settings, next, want.Metadata, versions)
}
