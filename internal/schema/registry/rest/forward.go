package rest

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/evidentlog/evident/internal/schema/registry"
)

// changing lets in who may change something, and has the node answer whose turn it is
// to write; another one passes the request on, once.
func (a *API) changing(h handler) handler {
	return func(r *http.Request) (any, error) {
		if err := a.Authorize(r); err != nil {
			return nil, registry.Errorf(http.StatusUnauthorized, "%w", err)
		}
		return a.written(r, nil, h)
	}
}

// written answers at the node that writes. body is what the request has, if it was read
// already.
func (a *API) written(r *http.Request, body []byte, h handler) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	base, err := a.Registry.Writer(ctx)
	cancel()
	switch {
	case err != nil:
		return nil, err
	case base == "":
		return h(r)
	case r.Header.Get(Forwarded) != "":
		return nil, registry.Errorf(registry.LeaderUnknown, "Leader not known.")
	}
	if body == nil {
		if body, err = readBody(r); err != nil {
			return nil, err
		}
	}
	return a.forward(r, base, body)
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, registry.Errorf(http.StatusRequestEntityTooLarge, "the request has more than %d bytes", long.Limit)
	case err != nil:
		return nil, registry.Errorf(http.StatusBadRequest, "the request's body ended early: %w", err)
	}
	return body, nil
}

// forward has the node answer that writes.
func (a *API) forward(r *http.Request, base string, body []byte) (any, error) {
	out := r.Clone(r.Context())
	out.URL.Path, out.URL.RawPath = Prefix+out.URL.Path, Prefix+r.URL.EscapedPath()
	out.Header.Set(Forwarded, "1")
	resp, err := a.Forward(out, base, body)
	if err != nil {
		return nil, registry.Errorf(registry.ForwardingFailed, "the node at %s writes the schema registry, and cannot be reached from here: %w", base, err)
	}
	if resp.StatusCode == http.StatusUnauthorized {
		return nil, errors.Join(registry.Errorf(registry.ForwardingFailed, "the node at %s writes the schema registry, and does not know this node's token: nodes that share a cluster need one file, --http-token-file", base), resp.Body.Close())
	}
	return resp, nil
}

// passOn answers as another node did.
func passOn(w http.ResponseWriter, resp *http.Response) {
	defer resp.Body.Close()
	for _, name := range []string{"Content-Type", "Retry-After"} {
		if v := resp.Header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // a client that is gone needs no answer
}
