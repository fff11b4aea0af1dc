package rest

import (
	"encoding/json"
	"net/http"

	"github.com/evidentlog/evident/internal/schema/registry"
	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// levelField is what requests and their answers call the level of compatibility; other
// answers, and records, say compatibilityLevel.
const levelField = "compatibility"

func (a *API) settings(r *http.Request) (any, error) {
	return a.Registry.Settings(nameOf(r), flag(r, "defaultToGlobal"))
}

// setSettings changes what the request has, and nothing else; null takes something away.
func (a *API) setSettings(r *http.Request) (any, error) {
	if err := checkName(r, true); err != nil {
		return nil, err
	}
	var given map[string]json.RawMessage
	if err := decode(r, &given); err != nil {
		return nil, err
	}
	delete(given, "compatibilityLevel") // requests do not call it so
	if level, ok := given[levelField]; ok {
		given["compatibilityLevel"] = level
		delete(given, levelField)
	}
	s, err := a.Registry.SetSettings(r.Context(), nameOf(r), func(s *record.Settings) error { return overlay(s, given) })
	if err != nil {
		return nil, err
	}
	return updated(s)
}

// overlay puts fields in the place of those that settings have.
func overlay(s *record.Settings, given map[string]json.RawMessage) error {
	before, err := fieldsOf(s)
	if err != nil {
		return err
	}
	for name, value := range given {
		if string(value) == "null" {
			delete(before, name)
			continue
		}
		before[name] = value
	}
	all, err := json.Marshal(before)
	if err != nil {
		return err
	}
	*s = record.Settings{}
	if err := json.Unmarshal(all, s); err != nil {
		return registry.Errorf(http.StatusBadRequest, "the body is no configuration: %w", err)
	}
	return nil
}

func fieldsOf(s *record.Settings) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	fields := map[string]json.RawMessage{}
	return fields, json.Unmarshal(text, &fields)
}

// updated are settings as the answer to a request has them.
func updated(s *record.Settings) (any, error) {
	fields, err := fieldsOf(s)
	if err != nil {
		return nil, err
	}
	if level, ok := fields["compatibilityLevel"]; ok {
		fields[levelField] = level
		delete(fields, "compatibilityLevel")
	}
	return fields, nil
}

func (a *API) deleteSettings(r *http.Request) (any, error) {
	return a.Registry.DeleteSettings(r.Context(), nameOf(r))
}

// modeBody is a mode in requests and answers.
type modeBody struct {
	Mode string `json:"mode,omitempty"`
}

func (a *API) mode(r *http.Request) (any, error) {
	mode, err := a.Registry.Mode(nameOf(r), flag(r, "defaultToGlobal"))
	return modeBody{mode}, err
}

func (a *API) setMode(r *http.Request) (any, error) {
	if err := checkName(r, true); err != nil {
		return nil, err
	}
	var given modeBody
	if err := decode(r, &given); err != nil {
		return nil, err
	}
	mode, err := registry.ParseMode(given.Mode, nameOf(r))
	if err != nil {
		return nil, err
	}
	return given, a.Registry.SetMode(r.Context(), nameOf(r), mode, flag(r, "force"))
}

func (a *API) deleteMode(r *http.Request) (any, error) {
	mode, err := a.Registry.DeleteMode(r.Context(), nameOf(r), flag(r, "recursive"))
	return modeBody{mode}, err
}

func (a *API) compatible(r *http.Request) (any, error) {
	version := 0
	if r.PathValue("version") != "" {
		var err error
		if version, err = versionOf(r); err != nil {
			return nil, err
		}
	}
	w, err := asked(r)
	if err != nil {
		return nil, err
	}
	verbose := flag(r, "verbose")
	lines, err := a.Registry.Compatible(nameOf(r), version, w, flag(r, "normalize"))
	if invalid, ok := err.(*registry.Error); ok && invalid.Code == registry.InvalidSchema && verbose {
		lines, err = []string{invalid.Message}, nil
	}
	if err != nil {
		return nil, err
	}
	answer := struct {
		Compatible bool      `json:"is_compatible"`
		Messages   *[]string `json:"messages,omitempty"`
	}{Compatible: len(lines) == 0}
	if verbose {
		all := append([]string{}, lines...)
		answer.Messages = &all
	}
	return answer, nil
}

func (a *API) contexts(r *http.Request) (any, error) {
	prefix := r.URL.Query().Get("contextPrefix")
	all := []string{}
	for _, c := range append([]string{subject.Default}, a.Registry.State().Contexts()...) {
		if len(c) >= len(prefix) && c[:len(prefix)] == prefix {
			all = append(all, c)
		}
	}
	return page(r, all, 1<<30)
}

func (a *API) deleteContext(r *http.Request) (any, error) {
	prefix, err := subject.Context(r.PathValue("context"))
	if err != nil {
		return nil, registry.Errorf(http.StatusBadRequest, "%w", err)
	}
	return noContent{}, a.Registry.DeleteContext(r.Context(), subject.Parse(prefix))
}

func (a *API) serverVersion(*http.Request) (any, error) {
	return struct {
		Version string `json:"version"`
		Commit  string `json:"commitId"`
	}{a.Version, ""}, nil
}

func (a *API) clusterID(r *http.Request) (any, error) {
	id, err := a.ClusterID(r.Context())
	if err != nil {
		return nil, err
	}
	type clusters struct {
		Kafka    string `json:"kafka-cluster"`
		Registry string `json:"schema-registry-cluster"`
	}
	return struct {
		Scope struct {
			Path     []string `json:"path"`
			Clusters clusters `json:"clusters"`
		} `json:"scope"`
		ID string `json:"id"`
	}{struct {
		Path     []string `json:"path"`
		Clusters clusters `json:"clusters"`
	}{[]string{}, clusters{id, registry.Group}}, ""}, nil
}
