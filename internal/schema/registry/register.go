package registry

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/state"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// Options are how a schema is registered.
type Options struct {
	// Normalize stores it in the form that is the same for all that mean the same.
	Normalize bool
	// Force registers it whatever it is to be compatible with.
	Force bool
}

// Register registers a schema under a subject, where it is this node's turn, and returns
// the version that it has: a new one, or the one that it had.
func (r *Registry) Register(ctx context.Context, name subject.Name, w Wanted, o Options) (*state.Version, error) {
	if err := CheckRules(w.RuleSet); err != nil {
		return nil, err
	}
	var p plan
	err := r.change(ctx, func() ([]record.Record, error) {
		p = plan{registry: r, state: r.State(), name: name, wanted: w, options: o}
		return p.records()
	})
	if err != nil {
		return nil, err
	}
	if v := r.State().Get(name, p.version, state.All); v != nil {
		return v, nil
	}
	return nil, Errorf(Store, "version %d of %v was written, and is gone", p.version, name)
}

// Registered returns the version that a schema has already, for who wants to register
// it; nil if it has none, or if only the writer can tell.
func (r *Registry) Registered(name subject.Name, w Wanted, o Options) *state.Version {
	s := r.State()
	settings := settingsFor(s, name)
	if w.Version > 0 || settings.DefaultMetadata != nil || settings.OverrideMetadata != nil || settings.DefaultRuleSet != nil || settings.OverrideRuleSet != nil {
		return nil
	}
	_, stored, err := r.canonical(name, w.value(), settings, o.Normalize, false)
	if err != nil {
		return nil
	}
	v := liveWith(s.Versions(name, state.Live), stored.GUID(), w.ID)
	if w.Version == -1 && v != s.Latest(name) {
		return nil
	}
	return v
}

// liveWith returns the last of a subject's versions that a schema has, with an id if
// that is not negative; nil if it has none. The context's index of guids is not enough:
// imported schemas may have several ids there.
func liveWith(live []*state.Version, g record.GUID, id int) *state.Version {
	for _, v := range slices.Backward(live) {
		if v.GUID == g && (id < 0 || v.ID == id) {
			return v
		}
	}
	return nil
}

// A plan finds out what registering a schema takes.
type plan struct {
	registry *Registry
	state    *state.State
	name     subject.Name
	wanted   Wanted
	options  Options

	version int // what the schema has at last
}

// records are what is to be written; none if the schema is there.
func (p *plan) records() ([]record.Record, error) {
	mode := modeFor(p.state, p.name)
	if err := p.checkMode(mode); err != nil {
		return nil, err
	}
	live := p.state.Versions(p.name, state.Live)
	settings, next := settingsFor(p.state, p.name), p.state.Next(p.name)
	if !imports(mode) {
		p.populate(settings, live, next)
	}
	fresh := p.wanted.ID < 0 && validatesNew(settings)
	parsed, stored, err := p.registry.canonical(p.name, p.wanted.value(), settings, p.options.Normalize, fresh)
	if err != nil {
		return nil, err
	}
	id, known := p.idOf(stored)
	if v := p.there(parsed, stored, id, live); v != nil {
		p.version = v.Version
		return nil, nil
	}
	if !imports(mode) && !p.options.Force {
		if err := p.checkCompatible(settings, parsed, stored.Metadata, live); err != nil {
			return nil, err
		}
	}
	if p.version = p.wanted.Version; p.version <= 0 {
		p.version = next
	} else if p.version != next && !imports(mode) {
		return nil, Errorf(InvalidSchema, "Version is not one more than previous version")
	}
	if !known {
		id = p.state.MaxID(p.name.Context) + 1
	} else if err := p.checkID(id, stored); err != nil {
		return nil, err
	}
	if id > math.MaxInt32 || p.version > math.MaxInt32 {
		return nil, Errorf(NotPermitted, "Subject %v cannot get id %d and version %d: clients know none above %d", p.name, id, p.version, math.MaxInt32)
	}
	before := p.state.Get(p.name, p.version, state.All)
	if before != nil && before.GUID != stored.GUID() && len(p.state.Referrers(p.name, p.version, state.All)) > 0 {
		return nil, referenceExists(p.name, p.version)
	}
	return p.write(stored, id, before), nil
}

func (p *plan) checkMode(mode string) error {
	if err := checkWritable(p.state, p.name); err != nil {
		return err
	}
	switch {
	case p.wanted.ID >= 0 && !imports(mode):
		return Errorf(NotPermitted, "Subject %v in context %s is not in import mode", p.name, p.name.ContextPrefix())
	case p.wanted.ID < 0 && mode != ReadWrite:
		return Errorf(NotPermitted, "Subject %v in context %s is not in read-write mode", p.name, p.name.ContextPrefix())
	}
	return nil
}

func (p *plan) populate(settings *record.Settings, live []*state.Version, next int) {
	var before *state.Version
	if len(live) > 0 {
		before = live[len(live)-1]
	}
	if before != nil && !hasText(p.wanted.Text) {
		p.wanted.Text, p.wanted.Type, p.wanted.References = before.Text, before.Type, before.References
	}
	populate(&p.wanted, settings, before, next)
}

// idOf is the id that the schema has in its context, or is to have.
func (p *plan) idOf(stored *record.SchemaValue) (id int, known bool) {
	id, known = p.state.WithGUID(p.name.Context, stored.GUID())
	if known && (p.wanted.ID < 0 || p.wanted.ID == id) {
		return id, true
	}
	return p.wanted.ID, p.wanted.ID >= 0
}

// there is the version that the schema has already; nil if it is to have a new one.
func (p *plan) there(parsed schema.Schema, stored *record.SchemaValue, id int, live []*state.Version) *state.Version {
	if p.wanted.Version != 0 {
		return nil
	}
	if v := liveWith(live, stored.GUID(), p.wanted.ID); v != nil {
		return v
	}
	if v := p.registry.sameAs(parsed, stored, live); v != nil && (id < 0 || v.ID == id) {
		return v
	}
	return nil
}

func (p *plan) checkCompatible(settings *record.Settings, parsed schema.Schema, m *record.Metadata, live []*state.Version) error {
	lines, err := p.registry.checkCompatible(settings, parsed, m, live)
	if err == nil && len(lines) > 0 {
		err = Errorf(Incompatible, "Schema being registered is incompatible with an earlier schema for subject %q, details: [%s]", p.name.String(), strings.Join(lines, ", "))
	}
	return err
}

// checkID refuses an id that another schema of the context has.
func (p *plan) checkID(id int, stored *record.SchemaValue) error {
	v := p.state.WithID(subject.Name{Context: p.name.Context}, id)
	if v != nil && (v.GUID != stored.GUID() || v.Type != stored.Type) {
		return Errorf(NotPermitted, "Overwrite new schema with id %d in context %s is not permitted.", id, p.name.ContextPrefix())
	}
	return nil
}

// write is the new version, with its context before it, and without deleted versions of
// the same schema, to which nobody refers. before is what it takes the place of, if
// there is anything: its id is not given again.
func (p *plan) write(stored *record.SchemaValue, id int, before *state.Version) []record.Record {
	var all []record.Record
	if c := p.name.Context; c != subject.Default && !p.state.HasContext(c) {
		all = append(all, record.Record{Key: record.Key{Type: record.Context, Context: c}, Value: record.InContext(c)})
	}
	for _, v := range p.state.Versions(p.name, state.Deleted) {
		if v.ID == id && v.Version < p.version && len(p.state.Referrers(p.name, v.Version, state.All)) == 0 {
			all = append(all, record.Record{Key: schemaKey(p.name, v.Version)})
		}
	}
	if before != nil && before.ID > id {
		all = withMaxID(p.state, all, before)
	}
	stored.Subject, stored.Version, stored.ID = p.name.String(), p.version, id
	return append(all, record.Record{Key: schemaKey(p.name, p.version), Value: stored})
}

func schemaKey(name subject.Name, version int) record.Key {
	return record.Key{Type: record.Schema, Subject: name.String(), Version: version}
}

// mostCompared is how many versions are looked at, the newest first, for one that is
// the same as a schema although its guid is another.
const mostCompared = 100

// sameAs finds a version that is the same schema although its guid is another: one has
// written out what the other refers to, or says in its metadata which version it is.
func (r *Registry) sameAs(parsed schema.Schema, stored *record.SchemaValue, versions []*state.Version) *state.Version {
	number, numbered := propertyOf(stored.Metadata, versionProperty)
	for _, v := range slices.Backward(versions[max(0, len(versions)-mostCompared):]) {
		_, other := propertyOf(v.Metadata, versionProperty)
		writtenOut := len(stored.References) == 0 && len(v.References) > 0
		switch {
		case v.Type != stored.Type, !writtenOut && numbered == other, !sameRest(stored, v.SchemaValue):
		case numbered && !other && number != strconv.Itoa(v.Version):
		case !writtenOut && v.Text == stored.Text && slices.Equal(v.References, stored.References):
			return v
		case writtenOut && r.writesOut(v, parsed):
			return v
		}
	}
	return nil
}

// writesOut tells whether a schema is a version with what that refers to written out.
func (r *Registry) writesOut(v *state.Version, parsed schema.Schema) bool {
	old, err := r.parse(v.Name, v.SchemaValue, false)
	return err == nil && old.Formatted(resolved) == parsed.Text()
}

// resolved is the format in which what a schema refers to is written out.
const resolved = "resolved"

// sameRest tells whether metadata and rules are the same, but for the version in them.
func sameRest(a, b *record.SchemaValue) bool {
	return record.Sum("", nil, unnumbered(a.Metadata), a.RuleSet) == record.Sum("", nil, unnumbered(b.Metadata), b.RuleSet)
}

// unnumbered are metadata without the version; nil if nothing is left.
func unnumbered(m *record.Metadata) *record.Metadata {
	if _, numbered := propertyOf(m, versionProperty); !numbered {
		return m
	}
	rest := &record.Metadata{Tags: m.Tags, Properties: mergeMap(m.Properties, map[string]string{}), Sensitive: m.Sensitive}
	delete(rest.Properties, versionProperty)
	if len(rest.Tags)+len(rest.Properties)+len(rest.Sensitive) == 0 {
		return nil
	}
	return rest
}
