package rest

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/evidentlog/evident/internal/schema/registry"
	"github.com/evidentlog/evident/internal/schema/registry/subject"
)

// rewriting takes requests to where they are answered: those of a context
// (/contexts/.CONTEXT/subjects/…) to its qualified subjects, aliases to what they stand
// for, and paths that end with a slash to those that do not.
func (a *API) rewriting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		segments := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
		query := r.URL.Query()
		if segments[0] == "contexts" && len(segments) > 2 {
			var err error
			if segments, err = inContext(segments, query); err != nil {
				sendError(w, registry.Errorf(http.StatusBadRequest, "%w", err))
				return
			}
		}
		a.replaceAliases(segments, query)
		path := "/" + strings.Join(segments, "/")
		to, err := url.ParseRequestURI(path)
		if err != nil {
			sendError(w, registry.Errorf(http.StatusBadRequest, "the path cannot be read: %w", err))
			return
		}
		to.RawQuery = query.Encode()
		rewritten := *r
		rewritten.URL = to
		next.ServeHTTP(w, &rewritten)
	})
}

// inContext qualifies what the rest of a path, and its parameters, name.
func inContext(segments []string, query url.Values) ([]string, error) {
	name, err := url.PathUnescape(segments[1])
	if err != nil {
		return nil, err
	}
	prefix, err := subject.Context(name)
	if err != nil {
		return nil, err
	}
	rest := segments[2:]
	qualify := func(text string) string {
		if subject.Qualified(text) {
			return text
		}
		return prefix + text
	}
	switch rest[0] {
	case "config", "mode":
		if len(rest) == 1 && prefix != "" {
			rest = append(rest, "")
		}
	case "schemas":
		if len(rest) > 1 {
			query.Set("subject", qualify(query.Get("subject")))
		} else {
			query.Set("subjectPrefix", qualify(query.Get("subjectPrefix")))
		}
	case "subjects":
		if len(rest) == 1 {
			query.Set("subjectPrefix", qualify(query.Get("subjectPrefix")))
		}
	}
	if i := subjectIndex(rest); i > 0 {
		text, err := url.PathUnescape(rest[i])
		if err != nil {
			return nil, err
		}
		rest[i] = url.PathEscape(qualify(text))
	}
	return rest, nil
}

// subjectIndex is the segment of a path that names a subject; 0: none does.
func subjectIndex(segments []string) int {
	for i, s := range segments[:len(segments)-1] {
		if s == "subjects" || i == 0 && (s == "config" || s == "mode") {
			return i + 1
		}
	}
	return 0
}

// replaceAliases puts what aliases stand for in their place. Configurations and modes
// are the aliases' own.
func (a *API) replaceAliases(segments []string, query url.Values) {
	if i := subjectIndex(segments); i > 0 && segments[i-1] == "subjects" {
		if text, err := url.PathUnescape(segments[i]); err == nil {
			name := subject.Parse(text)
			if to := a.Registry.Alias(name); to != name {
				segments[i] = url.PathEscape(to.String())
			}
		}
	}
	if given := query.Get("subject"); given != "" {
		name := subject.Parse(given)
		if to := a.Registry.Alias(name); to != name {
			query.Set("subject", to.String())
		}
	}
}
