package rest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry"
	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/state"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// An entity is a version, or a schema, as clients know it.
type entity struct {
	Subject    string             `json:"subject,omitempty"`
	Version    int                `json:"version,omitempty"`
	ID         *int               `json:"id,omitempty"`
	GUID       string             `json:"guid"`
	Type       schema.Type        `json:"schemaType"`
	References []schema.Reference `json:"references,omitempty"`
	Metadata   *record.Metadata   `json:"metadata,omitempty"`
	RuleSet    *record.RuleSet    `json:"ruleSet,omitempty"`
	Text       string             `json:"schema"`
	Aliases    []string           `json:"aliases,omitempty"`
	MaxID      int                `json:"maxId,omitempty"`
	Time       int64              `json:"ts,omitempty"`
	Deleted    bool               `json:"deleted"`
}

// shown is a version, with its text in the format that the request asks for.
func (a *API) shown(r *http.Request, v *state.Version) (*entity, error) {
	text, err := a.Registry.Formatted(v, r.URL.Query().Get("format"))
	if err != nil {
		return nil, err
	}
	e := &entity{
		Subject: v.Name.String(), Version: v.Version, ID: &v.ID, GUID: v.GUID.String(), Type: v.Type,
		References: v.References, Metadata: v.Metadata, RuleSet: v.RuleSet, Text: text, Time: v.Time, Deleted: v.Deleted,
	}
	if r.URL.Query().Get("referenceFormat") == "qualified" {
		e.References = nil
		for _, ref := range v.References {
			ref.Subject = v.Name.Within(ref.Subject).String()
			e.References = append(e.References, ref)
		}
	}
	return e, nil
}

// registration is a schema as clients send it.
type registration struct {
	Version    int                `json:"version"`
	ID         *int               `json:"id"`
	Type       string             `json:"schemaType"`
	References []schema.Reference `json:"references"`
	Metadata   *record.Metadata   `json:"metadata"`
	RuleSet    *record.RuleSet    `json:"ruleSet"`
	Text       string             `json:"schema"`
}

func (g *registration) wanted() (registry.Wanted, error) {
	w := registry.Wanted{
		Version: g.Version, ID: -1, References: g.References, Metadata: g.Metadata, RuleSet: g.RuleSet, Text: g.Text,
	}
	if g.ID != nil {
		w.ID = *g.ID
	}
	var err error
	if w.Type, err = schema.ParseType(g.Type); err != nil {
		return w, registry.Errorf(registry.InvalidSchema, "Invalid schema type %s", g.Type)
	}
	return w, nil
}

// nameOf is the subject in a request's path.
func nameOf(r *http.Request) subject.Name { return subject.Parse(r.PathValue("subject")) }

// versionOf is the version in a request's path: -1 is the latest.
func versionOf(r *http.Request) (int, error) {
	given := strings.TrimSpace(r.PathValue("version"))
	if strings.EqualFold(given, "latest") {
		return -1, nil
	}
	n, err := strconv.ParseInt(given, 10, 32)
	if err != nil || n < 1 && n != -1 {
		return 0, registry.Errorf(registry.InvalidVersion, "The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"", given)
	}
	return int(n), nil
}

// flag is a parameter that is true or, as it is if it is not there, false.
func flag(r *http.Request, name string) bool {
	return strings.EqualFold(r.URL.Query().Get(name), "true")
}

// page is the part of a list that a request asks for with offset and limit.
func page[T any](r *http.Request, all []T, most int) ([]T, error) {
	offset, err := number(r, "offset", 0)
	if err != nil {
		return nil, err
	}
	limit, err := number(r, "limit", -1)
	if err != nil {
		return nil, err
	}
	if limit <= 0 || limit > most {
		limit = most
	}
	offset = min(max(0, offset), len(all))
	return append([]T{}, all[offset:min(len(all), offset+limit)]...), nil
}

func number(r *http.Request, name string, otherwise int) (int, error) {
	given := r.URL.Query().Get(name)
	if given == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(given, 10, 32)
	if err != nil {
		return 0, registry.Errorf(http.StatusNotFound, "%s=%s is no number", name, given) // so Jersey answers
	}
	return int(n), nil
}
