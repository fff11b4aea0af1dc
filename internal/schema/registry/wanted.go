package registry

import (
	"maps"
	"slices"
	"strconv"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/state"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// Wanted is a schema as a client sends it.
type Wanted struct {
	// Version is the number that it is to get; 0: the next, or that which it has
	// already; -1: the next.
	Version int
	// ID is what it is to get in [Import] mode; negative: any.
	ID         int
	Type       schema.Type
	References []schema.Reference
	Metadata   *record.Metadata
	RuleSet    *record.RuleSet
	Text       string
}

func (w Wanted) value() *record.SchemaValue {
	return &record.SchemaValue{Type: w.Type, References: w.References, Metadata: w.Metadata, RuleSet: w.RuleSet, Text: w.Text}
}

// canonical parses a schema, and returns it with the text and references that are
// stored.
func (r *Registry) canonical(name subject.Name, v *record.SchemaValue, s *record.Settings, normalize, fresh bool) (schema.Schema, *record.SchemaValue, error) {
	if !hasText(v.Text) {
		return nil, nil, Errorf(InvalidSchema, "Empty schema")
	}
	parsed, err := r.parse(name, v, fresh)
	if err != nil {
		return nil, nil, err
	}
	stored := *v
	stored.Text, stored.References = parsed.Text(), parsed.References()
	if (normalize || s.Normalize != nil && *s.Normalize) && !imports(modeFor(r.State(), name)) {
		stored.Text, stored.References = parsed.Normalized(), schema.SortReferences(stored.References)
		if parsed, err = r.parse(name, &stored, false); err != nil {
			return nil, nil, err
		}
	}
	return parsed, &stored, nil
}

func hasText(text string) bool {
	return slices.ContainsFunc([]byte(text), func(c byte) bool { return c > ' ' })
}

func validatesNew(s *record.Settings) bool {
	return s.ValidateNewSchemas == nil || *s.ValidateNewSchemas
}

// versionProperty is the property of metadata that has the number of the version, so
// that schemas that are else the same are two.
const versionProperty = "confluent:version"

// populate gives a schema what the settings, or the version before, say of the metadata
// and rules that it has not.
func populate(w *Wanted, s *record.Settings, before *state.Version, next int) {
	m, rules := w.Metadata, w.RuleSet
	if before != nil && m == nil {
		m = before.Metadata
	}
	if before != nil && rules == nil {
		rules = before.RuleSet
	}
	m = mergeMetadata(mergeMetadata(s.DefaultMetadata, m), s.OverrideMetadata)
	rules = mergeRules(mergeRules(s.DefaultRuleSet, rules), s.OverrideRuleSet)
	if _, has := propertyOf(m, versionProperty); next > 0 && (w.Version != 0 || has) {
		m = mergeMetadata(m, &record.Metadata{Properties: map[string]string{versionProperty: strconv.Itoa(next)}})
	}
	if m != nil || rules != nil {
		w.Metadata, w.RuleSet = m, rules
	}
}

func mergeMetadata(older, newer *record.Metadata) *record.Metadata {
	if older == nil {
		return newer
	}
	if newer == nil {
		return older
	}
	m := &record.Metadata{Tags: mergeMap(older.Tags, newer.Tags), Properties: mergeMap(older.Properties, newer.Properties)}
	m.Sensitive = slices.Sorted(slices.Values(slices.Concat(older.Sensitive, newer.Sensitive)))
	m.Sensitive = slices.Compact(m.Sensitive)
	return m
}

func mergeMap[V any](older, newer map[string]V) map[string]V {
	if len(older) == 0 {
		return newer
	}
	all := maps.Clone(older)
	maps.Copy(all, newer)
	return all
}

func mergeRules(older, newer *record.RuleSet) *record.RuleSet {
	if older == nil {
		return newer
	}
	if newer == nil {
		return older
	}
	all := &record.RuleSet{
		MigrationRules: mergeRuleList(older.MigrationRules, newer.MigrationRules),
		DomainRules:    mergeRuleList(older.DomainRules, newer.DomainRules),
		EncodingRules:  mergeRuleList(older.EncodingRules, newer.EncodingRules),
		EnableAt:       newer.EnableAt,
	}
	if all.EnableAt == "" {
		all.EnableAt = older.EnableAt
	}
	return all
}

// mergeRuleList has the older rules whose names no newer one has, then the newer.
func mergeRuleList(older, newer []record.Rule) []record.Rule {
	kept := slices.DeleteFunc(slices.Clone(older), func(r record.Rule) bool {
		return slices.ContainsFunc(newer, func(n record.Rule) bool { return n.Name == r.Name })
	})
	return append(kept, newer...)
}
