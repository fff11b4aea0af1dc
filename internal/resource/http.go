package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/evidentlog/evident/internal/problem"
)

const (
	// Prefix is where the handler's paths begin.
	Prefix = "/v1/resources"
	// revisionHeader tells up to which revision the answering node has read.
	revisionHeader = "Evident-Revision"
	// mostBody is how long a request may be, in bytes.
	mostBody = 64 << 20
	// patience is how long a request waits for a writer, or for a revision.
	patience = 15 * time.Second
	// mostApplied is how many declarations a request may have: they are one
	// transaction.
	mostApplied = 10_000
)

// An API serves resources over HTTP:
//
//	GET    /v1/resources[/KIND]                  what is declared; ?label=NAME=VALUE, ?after=REVISION
//	GET    /v1/resources/KIND/NAME               one, with its revision as ETag
//	GET    /v1/resources/KIND/NAME/history       all its versions, the oldest first
//	GET    /v1/resources/KIND/NAME/status        how what is outside compares with it
//	PUT    /v1/resources/KIND/NAME               declares one; If-Match, If-None-Match: *
//	DELETE /v1/resources/KIND/NAME               declares it no more; If-Match, ?delete-data=true
//	POST   /v1/resources                         applies many at once: [ApplyRequest]
//	GET    /v1/resource-schema                   JSON Schema of all kinds, for editors
//
// Errors are problems (RFC 9457).
type API struct {
	Service *Service
	// Authorize tells who wants to change something, or why he may not.
	Authorize func(*http.Request) (actor string, err error)
	// Forward sends a request, with its body, to the node that has the base URL.
	Forward func(r *http.Request, base string, body []byte) (*http.Response, error)
	// NewID makes identifiers of requests.
	NewID func() (string, error)
}

// ApplyRequest is the body of POST /v1/resources.
type ApplyRequest struct {
	// Resources are the declarations.
	Resources []json.RawMessage `json:"resources"`
	// Delete are keys, KIND/NAME, of what is to be declared no more.
	Delete []string `json:"delete,omitempty"`
	// Set, Prune: see [Wish].
	Set   string `json:"set,omitempty"`
	Prune bool   `json:"prune,omitempty"`
	// DeleteData: see [Allowed].
	DeleteData bool `json:"deleteData,omitempty"`
	// DryRun only says what would change.
	DryRun bool `json:"dryRun,omitempty"`
}

// Handle adds the paths to a mux.
func (a *API) Handle(mux *http.ServeMux) {
	mux.HandleFunc("GET "+Prefix, a.list)
	mux.HandleFunc("GET "+Prefix+"/{kind}", a.list)
	mux.HandleFunc("GET "+Prefix+"/{kind}/{name}", a.get)
	mux.HandleFunc("GET "+Prefix+"/{kind}/{name}/history", a.history)
	mux.HandleFunc("GET "+Prefix+"/{kind}/{name}/status", a.statusOf)
	mux.HandleFunc("PUT "+Prefix+"/{kind}/{name}", a.authorized(a.put))
	mux.HandleFunc("DELETE "+Prefix+"/{kind}/{name}", a.authorized(a.remove))
	mux.HandleFunc("POST "+Prefix, a.authorized(a.apply))
	mux.HandleFunc("GET /v1/resource-schema", a.schema)
}

// read is the state that a request wants: what this node has read, or later.
func (a *API) read(w http.ResponseWriter, r *http.Request) (*State, bool) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	select {
	case <-ctx.Done():
		problem.Write(w, http.StatusServiceUnavailable, errors.New("this node has not read yet what is declared: ask again"))
		return nil, false
	case <-a.Service.Read():
	}
	after := r.URL.Query().Get("after")
	if after == "" {
		return a.Service.State(), true
	}
	revision, err := strconv.ParseInt(after, 10, 64)
	if err != nil || revision < 0 {
		problem.Write(w, http.StatusBadRequest, fmt.Errorf("after=%s is no revision: want a whole number from 0", after))
		return nil, false
	}
	state, err := a.Service.Await(ctx, revision)
	if err != nil {
		problem.Write(w, http.StatusGatewayTimeout, err)
		return nil, false
	}
	return state, true
}

func (a *API) list(w http.ResponseWriter, r *http.Request) {
	state, ok := a.read(w, r)
	if !ok {
		return
	}
	kind := r.PathValue("kind")
	if kind != "" && !a.known(w, kind) {
		return
	}
	chosen := []*Version{}
	for _, v := range state.List(kind) {
		if labelsMatch(v.Resource.Metadata.Labels, r.URL.Query()["label"]) {
			chosen = append(chosen, v)
		}
	}
	w.Header().Set(revisionHeader, strconv.FormatInt(state.End-1, 10))
	problem.JSON(w, struct {
		Revision  int64      `json:"revision"`
		Resources []*Version `json:"resources"`
	}{state.End - 1, chosen})
}

// labelsMatch tells whether labels have all that is wanted: NAME=VALUE, or NAME.
func labelsMatch(labels map[string]string, wanted []string) bool {
	for _, want := range wanted {
		name, value, given := strings.Cut(want, "=")
		if have, ok := labels[name]; !ok || given && have != value {
			return false
		}
	}
	return true
}

// known answers with a problem if a kind is none.
func (a *API) known(w http.ResponseWriter, kind string) bool {
	kinds := a.Service.cfg.Kinds
	if _, ok := kinds.Kind(kind); ok {
		return true
	}
	problem.Write(w, http.StatusNotFound, fmt.Errorf("unknown kind %q%s", kind, hint(kind, kinds.Names())))
	return false
}

func keyOf(r *http.Request) Key { return Key{r.PathValue("kind"), r.PathValue("name")} }

// found answers with a problem if a resource is not declared.
func (a *API) found(w http.ResponseWriter, r *http.Request) (*Version, bool) {
	state, ok := a.read(w, r)
	if !ok || !a.known(w, r.PathValue("kind")) {
		return nil, false
	}
	w.Header().Set(revisionHeader, strconv.FormatInt(state.End-1, 10))
	k := keyOf(r)
	v := state.Get(k)
	if v == nil {
		problem.Write(w, http.StatusNotFound, fmt.Errorf("%v is not declared%s", k, state.near(k)))
	}
	return v, v != nil
}

func (a *API) get(w http.ResponseWriter, r *http.Request) {
	v, ok := a.found(w, r)
	if !ok {
		return
	}
	w.Header().Set("ETag", etag(v.Revision))
	if r.Header.Get("If-None-Match") == etag(v.Revision) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	problem.JSON(w, v)
}

// statusOf answers with what the node that writes knows of a resource.
func (a *API) statusOf(w http.ResponseWriter, r *http.Request) {
	if _, ok := a.found(w, r); ok { // or the cluster would be made ready for who only reads
		a.written(a.status)(w, r)
	}
}

func (a *API) status(w http.ResponseWriter, r *http.Request, _ []byte) {
	v, ok := a.found(w, r)
	if !ok {
		return
	}
	s, _ := a.Service.Status(v.Key)
	problem.JSON(w, s)
}

func (a *API) history(w http.ResponseWriter, r *http.Request) {
	if !a.known(w, r.PathValue("kind")) {
		return
	}
	versions := []*Version{}
	if _, ok := a.read(w, r); !ok {
		return
	}
	err := a.Service.History(r.Context(), keyOf(r), func(v *Version) error {
		versions = append(versions, v)
		return nil
	})
	switch {
	case err != nil:
		problem.Write(w, http.StatusServiceUnavailable, err)
	case len(versions) == 0:
		problem.Write(w, http.StatusNotFound, fmt.Errorf("%v was never declared%s", keyOf(r), a.Service.State().near(keyOf(r))))
	default:
		problem.JSON(w, struct {
			Versions []*Version `json:"versions"`
		}{versions})
	}
}

func (a *API) schema(w http.ResponseWriter, _ *http.Request) {
	text, err := a.Service.cfg.Kinds.Schema()
	if err != nil {
		problem.Write(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/schema+json")
	_, _ = w.Write(text) // a client that is gone needs no answer
}
