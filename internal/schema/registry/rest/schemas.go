package rest

import (
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/evidentlog/evident/internal/schema/registry"
	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/state"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// mostSchemas is how many are listed at once.
const mostSchemas = 1000

func (a *API) schemas(r *http.Request) (any, error) {
	s, filter := a.Registry.State(), filterOf(r)
	aliases := map[subject.Name][]string{}
	if flag(r, "aliases") {
		for from, to := range s.Aliases() {
			aliases[to] = append(aliases[to], from.String())
		}
	}
	var found []*state.Version
	for _, n := range s.Subjects(subject.Matcher(r.URL.Query().Get("subjectPrefix")), state.All) {
		versions := s.Versions(n, filter)
		if flag(r, "latestOnly") && len(versions) > 0 {
			versions = versions[len(versions)-1:]
		}
		found = append(found, versions...)
	}
	found = slices.DeleteFunc(found, func(v *state.Version) bool { return !hasRule(v.RuleSet, r.URL.Query().Get("ruleType")) })
	found, err := page(r, found, mostSchemas)
	if err != nil {
		return nil, err
	}
	all := []*entity{}
	for _, v := range found {
		e, err := a.shown(r, v)
		if err != nil {
			return nil, err
		}
		e.Aliases = slices.Sorted(slices.Values(aliases[v.Name]))
		all = append(all, e)
	}
	return all, nil
}

// hasRule tells whether a set has a rule of a type; of an empty one all have.
func hasRule(set *record.RuleSet, typ string) bool {
	if typ == "" || set == nil {
		return typ == ""
	}
	return slices.ContainsFunc(slices.Concat(set.MigrationRules, set.DomainRules, set.EncodingRules), func(r record.Rule) bool { return r.Type == typ })
}

// idOf is the id in a request's path.
func idOf(r *http.Request) (int, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 32)
	if err != nil {
		return 0, registry.Errorf(http.StatusNotFound, "HTTP 404 Not Found: %s is no id", r.PathValue("id"))
	}
	return int(id), nil
}

// findID returns a version with the id in a request's path.
func (a *API) findID(r *http.Request) (*state.Version, error) {
	id, err := idOf(r)
	if err != nil {
		return nil, err
	}
	return a.Registry.WithID(subject.Parse(r.URL.Query().Get("subject")), id)
}

func (a *API) withID(r *http.Request) (any, error) {
	v, err := a.findID(r)
	if err != nil {
		return nil, err
	}
	e, err := a.shown(r, v)
	if err != nil {
		return nil, err
	}
	e.ID = nil
	if !r.URL.Query().Has("subject") {
		e.Subject, e.Version = "", 0
	}
	if flag(r, "fetchMaxId") {
		e.MaxID = a.Registry.State().MaxID(v.Name.Context)
	}
	return e, nil
}

func (a *API) textWithID(r *http.Request) (any, error) {
	v, err := a.findID(r)
	if err != nil {
		return nil, err
	}
	found, err := a.Registry.Formatted(v, r.URL.Query().Get("format"))
	return text(found), err
}

// users are the versions that have the id in a request's path.
func (a *API) users(r *http.Request) ([]*state.Version, error) {
	v, err := a.findID(r)
	if err != nil {
		return nil, err
	}
	filter := state.Live
	if flag(r, "deleted") {
		filter = state.All
	}
	return a.Registry.State().Users(v.Name.Context, v.ID, filter), nil
}

func (a *API) subjectsWithID(r *http.Request) (any, error) {
	versions, err := a.users(r)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, v := range versions {
		names = append(names, v.Name.String())
	}
	return page(r, names, math.MaxInt32)
}

func (a *API) versionsWithID(r *http.Request) (any, error) {
	versions, err := a.users(r)
	if err != nil {
		return nil, err
	}
	type place struct {
		Subject string `json:"subject"`
		Version int    `json:"version"`
	}
	all := []place{}
	for _, v := range versions {
		all = append(all, place{v.Name.String(), v.Version})
	}
	return page(r, all, math.MaxInt32)
}

func (a *API) withGUID(r *http.Request) (any, error) {
	given := r.PathValue("guid")
	g, ok := record.ParseGUID(given)
	if !ok {
		return nil, registry.NoSuchSchema(given)
	}
	for _, p := range a.Registry.Places(g) {
		v, err := a.Registry.WithID(subject.Name{Context: p.Context}, p.ID)
		if err != nil {
			continue // deleted since
		}
		e, err := a.shown(r, v)
		if err != nil {
			return nil, err
		}
		e.ID, e.Subject, e.Version = nil, "", 0
		return e, nil
	}
	return nil, registry.NoSuchSchema(given)
}

func (a *API) idsWithGUID(r *http.Request) (any, error) {
	g, ok := record.ParseGUID(r.PathValue("guid"))
	if !ok {
		return []registry.Place{}, nil
	}
	return append([]registry.Place{}, a.Registry.Places(g)...), nil
}
