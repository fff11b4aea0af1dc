package rest

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"

	"github.com/evidentlog/evident/internal/schema/registry"
	"github.com/evidentlog/evident/internal/schema/registry/state"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// filterOf are the versions, or subjects, that a request asks for.
func filterOf(r *http.Request) state.Filter {
	switch {
	case flag(r, "deletedOnly"):
		return state.Deleted
	case flag(r, "deleted"):
		return state.All
	}
	return state.Live
}

func (a *API) subjects(r *http.Request) (any, error) {
	prefix := subject.Any
	if r.URL.Query().Has("subjectPrefix") {
		prefix = r.URL.Query().Get("subjectPrefix")
	}
	names := []string{}
	for _, n := range a.Registry.State().Subjects(subject.Matcher(prefix), filterOf(r)) {
		names = append(names, n.String())
	}
	slices.Sort(names)
	return page(r, names, math.MaxInt32)
}

func (a *API) versions(r *http.Request) (any, error) {
	name, s, filter := nameOf(r), a.Registry.State(), filterOf(r)
	if !s.Has(name, filter != state.Live) {
		return nil, registry.Errorf(registry.SubjectNotFound, "Subject '%v' not found.", name)
	}
	negative := flag(r, "deletedAsNegative")
	if negative {
		filter = state.All
	}
	numbers := []int{}
	for _, v := range s.Versions(name, filter) {
		n := v.Version
		if negative && v.Deleted {
			n = -n
		}
		numbers = append(numbers, n)
	}
	return page(r, numbers, math.MaxInt32)
}

func (a *API) find(r *http.Request, deleted bool) (*state.Version, error) {
	version, err := versionOf(r)
	if err != nil {
		return nil, err
	}
	return a.Registry.Get(nameOf(r), version, deleted)
}

func (a *API) version(r *http.Request) (any, error) {
	v, err := a.find(r, flag(r, "deleted"))
	if err != nil {
		return nil, err
	}
	return a.shown(r, v)
}

func (a *API) versionText(r *http.Request) (any, error) {
	v, err := a.find(r, flag(r, "deleted"))
	if err != nil {
		return nil, err
	}
	found, err := a.Registry.Formatted(v, r.URL.Query().Get("format"))
	return text(found), err
}

func (a *API) referredBy(r *http.Request) (any, error) {
	v, err := a.find(r, true)
	if err != nil {
		return nil, err
	}
	return page(r, a.Registry.ReferredBy(v, flag(r, "deleted")), mostSchemas)
}

func (a *API) withMetadata(r *http.Request) (any, error) {
	q := r.URL.Query()
	want := map[string]string{}
	for i, key := range q["key"] {
		if i < len(q["value"]) {
			want[key] = q["value"][i]
		}
	}
	v, err := a.Registry.WithMetadata(nameOf(r), want, flag(r, "deleted"))
	if err != nil {
		return nil, err
	}
	return a.shown(r, v)
}

// asked reads the schema that a request has.
func asked(r *http.Request) (registry.Wanted, error) {
	var g registration
	if err := decode(r, &g); err != nil {
		return registry.Wanted{}, err
	}
	return g.wanted()
}

func (a *API) lookup(r *http.Request) (any, error) {
	w, err := asked(r)
	if err != nil {
		return nil, err
	}
	v, err := a.Registry.Lookup(nameOf(r), w, flag(r, "normalize"), flag(r, "deleted"))
	if err != nil {
		return nil, err
	}
	return a.shown(r, v)
}

// register answers at once if the schema is there already, which needs no writer, and
// nobody's permission.
func (a *API) register(r *http.Request) (any, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w, err := asked(r)
	if err != nil {
		return nil, err
	}
	name, o := nameOf(r), registry.Options{Normalize: flag(r, "normalize"), Force: flag(r, "force")}
	if err := checkName(r, false); err != nil {
		return nil, err
	}
	if v := a.Registry.Registered(name, w, o); v != nil {
		return a.registered(r, v)
	}
	if err := a.Authorize(r); err != nil {
		return nil, registry.Errorf(http.StatusUnauthorized, "%w", err)
	}
	return a.written(r, body, func(r *http.Request) (any, error) {
		v, err := a.Registry.Register(r.Context(), name, w, o)
		if err != nil {
			return nil, err
		}
		return a.registered(r, v)
	})
}

// registered is the answer to who has registered a schema.
func (a *API) registered(r *http.Request, v *state.Version) (any, error) {
	e, err := a.shown(r, v)
	if err == nil {
		e.Subject = ""
	}
	return e, err
}

// checkName refuses what no subject can be called.
func checkName(r *http.Request, forConfig bool) error {
	given := r.PathValue("subject")
	err := subject.Check(given, forConfig)
	if errors.Is(err, subject.ErrInvalid) {
		return registry.Errorf(registry.InvalidSubject, "The specified subject '%s' is not a valid.", given)
	}
	return err
}

func (a *API) deleteSubject(r *http.Request) (any, error) {
	return a.Registry.DeleteSubject(r.Context(), nameOf(r), flag(r, "permanent"))
}

func (a *API) deleteVersion(r *http.Request) (any, error) {
	version, err := versionOf(r)
	if err != nil {
		return nil, err
	}
	return a.Registry.DeleteVersion(r.Context(), nameOf(r), version, flag(r, "permanent"))
}
