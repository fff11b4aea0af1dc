package registry

import (
	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/state"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// Modes are what may be done with a subject, a context or all.
const (
	ReadWrite        = "READWRITE"
	ReadOnly         = "READONLY"
	ReadOnlyOverride = "READONLY_OVERRIDE"
	Import           = "IMPORT"
	Forward          = "FORWARD"
)

// everywhere is the name whose settings and mode hold where no context has its own.
func everywhere() subject.Name { return subject.Name{Context: subject.Global} }

// scopes are the names whose settings, or mode, hold for one, the nearest first.
func scopes(name subject.Name) []subject.Name {
	all := []subject.Name{name, {Context: name.Context}, everywhere()}
	if name.Subject == "" {
		all = all[1:]
	}
	return all
}

// ownSettings are those of just a name; of the default context and of all contexts
// those that hold without any.
func ownSettings(s *state.State, name subject.Name) *record.Settings {
	if own := s.Settings(name); own != nil {
		return withLevel(*own)
	}
	if name.Top() || name.Context == subject.Global {
		return withLevel(record.Settings{})
	}
	return nil
}

// withLevel has a level of compatibility, also where settings have none. That it is not
// the context's is Confluent's rule.
func withLevel(s record.Settings) *record.Settings {
	if s.CompatibilityLevel == "" {
		s.CompatibilityLevel = string(schema.Backward)
	}
	return &s
}

// settingsFor are those that hold for a name: of the nearest that has any. What the
// subject's own do not say is as in those of the default context, but for the level.
func settingsFor(s *state.State, name subject.Name) *record.Settings {
	if name.Subject != "" {
		if own := ownSettings(s, name); own != nil {
			return merged(ownSettings(s, subject.Name{Context: subject.Default}), own)
		}
	}
	for _, n := range scopes(name) {
		if own := s.Settings(n); own != nil {
			return withLevel(*own)
		}
	}
	return withLevel(record.Settings{})
}

// merged are a subject's settings, and of the general ones those that are handed down.
func merged(general, own *record.Settings) *record.Settings {
	all := *own
	for _, f := range []struct{ to, from **bool }{
		{&all.Normalize, &general.Normalize}, {&all.ValidateFields, &general.ValidateFields},
		{&all.ValidateNewSchemas, &general.ValidateNewSchemas}, {&all.ValidateRules, &general.ValidateRules},
	} {
		if *f.to == nil {
			*f.to = *f.from
		}
	}
	if all.CompatibilityPolicy == "" {
		all.CompatibilityPolicy = general.CompatibilityPolicy
	}
	if all.CompatibilityGroup == "" {
		all.CompatibilityGroup = general.CompatibilityGroup
	}
	return &all
}

// ownMode is that of just a name, empty if it has none.
func ownMode(s *state.State, name subject.Name) string {
	if mode := s.Mode(name); mode != "" {
		return mode
	}
	if name.Top() || name.Context == subject.Global {
		return ReadWrite
	}
	return ""
}

// modeFor is the mode that holds for a name.
func modeFor(s *state.State, name subject.Name) string {
	for _, n := range scopes(name) {
		if mode := s.Mode(n); mode != "" {
			return mode
		}
	}
	return ReadWrite
}

func imports(mode string) bool { return mode == Import || mode == Forward }

// checkWritable refuses changes of what is read only.
func checkWritable(s *state.State, name subject.Name) error {
	if mode := modeFor(s, name); mode == ReadOnly || mode == ReadOnlyOverride {
		return Errorf(NotPermitted, "Subject %v in context %s is in read-only mode", name, name.ContextPrefix())
	}
	return nil
}
