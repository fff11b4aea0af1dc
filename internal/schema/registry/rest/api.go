// Package rest is the schema registry's HTTP API: that of Confluent's registry, with its
// paths, bodies, codes and content types, so that its clients find what they know.
//
// It holds no rules of registering: package registry does.
package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/evidentlog/evident/internal/schema/registry"
)

const (
	// Prefix is where the paths begin on a node's own HTTP.
	Prefix = "/registry"
	// patience is how long a request waits for a writer.
	patience = 15 * time.Second
	// mostBody is how long a request may be, in bytes.
	mostBody = 8 << 20
	// Forwarded is the header of requests that another node has passed on: they go no
	// further.
	Forwarded = "Evident-Forwarded"
)

// An API serves a registry over HTTP.
type API struct {
	Registry *registry.Registry
	// Authorize tells why a request may not change anything; nil if it may.
	Authorize func(*http.Request) error
	// Forward sends a request, with its body, to the node that has the base URL.
	Forward func(r *http.Request, base string, body []byte) (*http.Response, error)
	// Version is that of the program.
	Version string
	// ClusterID asks for the id of the Kafka cluster.
	ClusterID func(context.Context) (string, error)
}

// A handler answers a request with a value, which is written as JSON.
type handler func(*http.Request) (any, error)

// Handler serves the API, with paths that begin at the root.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"GET /{$}":  func(*http.Request) (any, error) { return struct{}{}, nil },
		"POST /{$}": func(*http.Request) (any, error) { return struct{}{}, nil },

		"GET /subjects":                                           a.subjects,
		"GET /subjects/{subject}/metadata":                        a.withMetadata,
		"GET /subjects/{subject}/versions":                        a.versions,
		"GET /subjects/{subject}/versions/{version}":              a.version,
		"GET /subjects/{subject}/versions/{version}/schema":       a.versionText,
		"GET /subjects/{subject}/versions/{version}/referencedby": a.referredBy,
		"POST /subjects/{subject}":                                a.lookup,
		"POST /subjects/{subject}/versions":                       a.register,
		"DELETE /subjects/{subject}":                              a.changing(a.deleteSubject),
		"DELETE /subjects/{subject}/versions/{version}":           a.changing(a.deleteVersion),

		"GET /schemas":                   a.schemas,
		"GET /schemas/types":             func(*http.Request) (any, error) { return a.Registry.Types(), nil },
		"GET /schemas/ids/{id}":          a.withID,
		"GET /schemas/ids/{id}/schema":   a.textWithID,
		"GET /schemas/ids/{id}/subjects": a.subjectsWithID,
		"GET /schemas/ids/{id}/versions": a.versionsWithID,
		"GET /schemas/guids/{guid}":      a.withGUID,
		"GET /schemas/guids/{guid}/ids":  a.idsWithGUID,

		"GET /config":              a.settings,
		"GET /config/{subject}":    a.settings,
		"PUT /config":              a.changing(a.setSettings),
		"PUT /config/{subject}":    a.changing(a.setSettings),
		"DELETE /config":           a.changing(a.deleteSettings),
		"DELETE /config/{subject}": a.changing(a.deleteSettings),
		"GET /mode":                a.mode,
		"GET /mode/{subject}":      a.mode,
		"PUT /mode":                a.changing(a.setMode),
		"PUT /mode/{subject}":      a.changing(a.setMode),
		"DELETE /mode":             a.changing(a.deleteMode),
		"DELETE /mode/{subject}":   a.changing(a.deleteMode),

		"POST /compatibility/subjects/{subject}/versions":           a.compatible,
		"POST /compatibility/subjects/{subject}/versions/{version}": a.compatible,

		"GET /contexts":              a.contexts,
		"DELETE /contexts/{context}": a.changing(a.deleteContext),
		"GET /v1/metadata/id":        a.clusterID,
		"GET /v1/metadata/version":   a.serverVersion,
	} {
		mux.Handle(pattern, a.answering(h))
	}
	return a.rewriting(jsonErrors(mux))
}

// answering writes what a handler answers, when the registry has been read.
func (a *API) answering(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, ok := accepted(r)
		if !ok {
			sendError(w, registry.Errorf(http.StatusNotAcceptable, "HTTP 406 Not Acceptable"))
			return
		}
		if r.Method != http.MethodGet {
			r.Body = http.MaxBytesReader(w, r.Body, mostBody)
		}
		if err := a.awaitRead(r.Context()); err != nil {
			sendError(w, err)
			return
		}
		v, err := h(r)
		if err != nil {
			sendError(w, err)
			return
		}
		send(w, kind, v)
	})
}

func (a *API) awaitRead(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-ctx.Done():
		if err := a.Registry.Trouble(); err != nil {
			return registry.Errorf(registry.Store, "this node cannot read what is registered: %w", err)
		}
		return registry.Errorf(registry.Store, "this node has not read yet what is registered: ask again")
	case <-a.Registry.Read():
		return nil
	}
}
