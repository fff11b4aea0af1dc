package registry

import (
	"cmp"
	"slices"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/state"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// everyContext are names to try for one: itself, and if it says no context, the same in
// each that there is.
func everyContext(s *state.State, name subject.Name) []subject.Name {
	all := []subject.Name{name}
	if name.Context != subject.Default {
		return all
	}
	for _, c := range s.Contexts() {
		all = append(all, subject.Name{Context: c, Subject: name.Subject})
	}
	return all
}

func filterOf(deleted bool) state.Filter {
	if deleted {
		return state.All
	}
	return state.Live
}

// Get returns a version of a subject, -1 the latest; with deleted, also one that is
// deleted. A subject without a context is looked for in all.
func (r *Registry) Get(name subject.Name, version int, deleted bool) (*state.Version, error) {
	s := r.State()
	for _, n := range everyContext(s, name) {
		v := s.Get(n, version, filterOf(deleted))
		if version == -1 {
			v = s.Latest(n)
		}
		if v != nil {
			return v, nil
		}
	}
	if !s.Has(name, deleted) {
		return nil, subjectNotFound(name)
	}
	return nil, versionNotFound(version)
}

// WithID returns a version that has an id, of a subject, or of a context if that is all
// that the name says.
func (r *Registry) WithID(name subject.Name, id int) (*state.Version, error) {
	s := r.State()
	candidates := []subject.Name{name}
	if name.Subject != "" {
		candidates = append(everyContext(s, name), subject.Name{Context: name.Context})
	}
	if name.Subject != "" && name.Context != subject.Default {
		candidates = candidates[:1]
	}
	for _, n := range candidates {
		if v := s.WithID(n, id); v != nil {
			return v, nil
		}
	}
	return nil, NoSuchSchema(id)
}

// A Place is where a guid has an id.
type Place struct {
	Context string `json:"context"`
	ID      int    `json:"id"`
}

// Places are those of a guid, by context.
func (r *Registry) Places(g record.GUID) []Place {
	s := r.State()
	var all []Place
	for _, c := range append([]string{subject.Default}, s.Contexts()...) {
		if id, ok := s.WithGUID(c, g); ok {
			all = append(all, Place{c, id})
		}
	}
	return all
}

// Lookup returns the version that a schema has under a subject; with deleted, also one
// that is deleted. A subject without a context is looked for in all.
func (r *Registry) Lookup(name subject.Name, w Wanted, normalize, deleted bool) (*state.Version, error) {
	s := r.State()
	for i, n := range everyContext(s, name) {
		v, err := r.lookup(s, n, w, normalize, deleted)
		if v != nil {
			return v, nil
		}
		if err != nil && i == 0 {
			return nil, err
		}
	}
	if !s.Has(name, deleted) {
		return nil, subjectNotFound(name)
	}
	return nil, Errorf(SchemaNotFound, "Schema not found")
}

// lookup looks for a schema as it was sent, then with what registering would add.
func (r *Registry) lookup(s *state.State, name subject.Name, w Wanted, normalize, deleted bool) (*state.Version, error) {
	settings := settingsFor(s, name)
	v, err := r.lookupAs(s, name, w, settings, normalize, deleted)
	latest := s.Latest(name)
	if v != nil || err != nil || latest == nil {
		return v, err
	}
	populate(&w, settings, latest, 0)
	return r.lookupAs(s, name, w, settings, normalize, deleted)
}

func (r *Registry) lookupAs(s *state.State, name subject.Name, w Wanted, settings *record.Settings, normalize, deleted bool) (*state.Version, error) {
	parsed, stored, err := r.canonical(name, w.value(), settings, normalize, false)
	if err != nil {
		return nil, err
	}
	versions := s.Versions(name, filterOf(deleted))
	if v := liveWith(versions, stored.GUID(), -1); v != nil {
		return v, nil
	}
	return r.sameAs(parsed, stored, versions), nil
}

// WithMetadata returns a subject's last version whose metadata have properties.
func (r *Registry) WithMetadata(name subject.Name, want map[string]string, deleted bool) (*state.Version, error) {
	s := r.State()
	for _, v := range slices.Backward(s.Versions(name, filterOf(deleted))) {
		has := v.Metadata != nil
		for key, value := range want {
			got, ok := propertyOf(v.Metadata, key)
			has = has && ok && got == value
		}
		if has {
			return v, nil
		}
	}
	if !s.Has(name, deleted) {
		return nil, subjectNotFound(name)
	}
	return nil, Errorf(SchemaNotFound, "Schema not found")
}

// ReferredBy are the ids of schemas that refer to a version, in their order.
func (r *Registry) ReferredBy(v *state.Version, deleted bool) []int {
	var all []Place
	for _, other := range r.State().Referrers(v.Name, v.Version, filterOf(deleted)) {
		all = append(all, Place{other.Name.Context, other.ID})
	}
	slices.SortFunc(all, func(a, b Place) int { return cmp.Or(cmp.Compare(a.Context, b.Context), a.ID-b.ID) })
	ids := []int{}
	for _, p := range slices.Compact(all) {
		ids = append(ids, p.ID)
	}
	return ids
}

// Formatted is a version's text in a format that the client asks for.
func (r *Registry) Formatted(v *state.Version, format string) (string, error) {
	if format == "" {
		return v.Text, nil
	}
	parsed, err := r.parse(v.Name, v.SchemaValue, false)
	if err != nil {
		return "", err
	}
	return parsed.Formatted(format), nil
}

// Alias is the subject that a name stands for: itself, unless its settings say so.
func (r *Registry) Alias(name subject.Name) subject.Name {
	if own := r.State().Settings(name); own != nil && own.Alias != "" {
		return name.Within(own.Alias)
	}
	return name
}

// Types are the languages that schemas can be in.
func (r *Registry) Types() []schema.Type {
	all := []schema.Type{}
	for _, t := range schema.Types() {
		if r.languages[t] != nil {
			all = append(all, t)
		}
	}
	return all
}
