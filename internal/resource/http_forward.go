package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/evidentlog/evident/internal/problem"
)

// Forwarded is the header of requests that another node has passed on: they go no
// further.
const Forwarded = "Evident-Forwarded"

// writing answers a request at the node that writes.
type writing func(w http.ResponseWriter, r *http.Request, body []byte)

// authorized lets in who may change something, before his request is read.
func (a *API) authorized(h writing) http.HandlerFunc {
	written := a.written(h)
	return func(w http.ResponseWriter, r *http.Request) {
		if _, err := a.Authorize(r); err != nil {
			problem.Unauthorized(w, err)
			return
		}
		written(w, r)
	}
}

// written answers what only the writer can; another node passes it on, once.
func (a *API) written(h writing) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if a.Service.cfg.ReadOnly {
			problem.Write(w, http.StatusServiceUnavailable, errors.New("this node only follows what is declared: ask one that others can reach (--advertise-http), and that has their token (--http-token-file)"))
			return
		}
		text, ok := body(w, r)
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		base, err := a.Service.Writer(ctx)
		cancel()
		switch {
		case err != nil || base != "" && r.Header.Get(Forwarded) != "":
			unavailable(w)
		case base != "":
			a.forward(w, r, base, text)
		default:
			h(w, r, text)
		}
	}
}

// forward answers as the writer does.
func (a *API) forward(w http.ResponseWriter, r *http.Request, base string, body []byte) {
	r.Header.Set(Forwarded, "1")
	resp, err := a.Forward(r, base, body)
	if err != nil {
		problem.Write(w, http.StatusServiceUnavailable, fmt.Errorf("the node at %s writes what is declared, and cannot be reached from here: %w", base, err))
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized {
		problem.Write(w, http.StatusBadGateway, fmt.Errorf("the node at %s writes what is declared, and does not know this node's token: nodes that share a cluster need one file, --http-token-file", base))
		return
	}
	for _, name := range []string{"Content-Type", "ETag", "Retry-After", revisionHeader} {
		if v := resp.Header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // a client that is gone needs no answer
}

// Apply grants a request of the node's own, here or at the node that writes; it waits
// until one does, or ctx ends. The errors are those of [Service.Do].
func (a *API) Apply(ctx context.Context, actor string, req ApplyRequest) (*Answer, error) {
	wish, err := a.Wish(req)
	if err != nil {
		return nil, err
	}
	id, err := a.NewID()
	if err != nil {
		return nil, err
	}
	for {
		base, err := a.Service.Writer(ctx)
		if err != nil {
			return nil, errors.Join(err, context.Cause(ctx))
		}
		var done *Answer
		if base == "" {
			done, err = a.Service.Do(ctx, Request{Wish: *wish, Actor: actor, ID: id, DryRun: req.DryRun})
		} else {
			done, err = a.applyAt(ctx, base, req)
		}
		if !errors.Is(err, ErrNotWriter) {
			return done, err
		}
		rest(ctx)
	}
}

// applyAt asks another node.
func (a *API) applyAt(ctx context.Context, base string, req ApplyRequest) (*Answer, error) {
	text, err := encode(req)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, Prefix, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(Forwarded, "1")
	resp, err := a.Forward(r, base, text)
	if err != nil {
		return nil, errors.Join(ErrNotWriter, err)
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(io.LimitReader(resp.Body, mostBody)); err != nil {
		return nil, err
	}
	var p Problem
	switch {
	case resp.StatusCode == http.StatusOK:
		done := new(Answer)
		return done, json.Unmarshal(text, done)
	case resp.StatusCode == http.StatusServiceUnavailable:
		return nil, ErrNotWriter
	case json.Unmarshal(text, &p) == nil && len(p.Faults) > 0:
		return nil, &FaultsError{p.Faults}
	}
	return nil, fmt.Errorf("the node at %s answers %s: %s", base, resp.Status, p.Detail)
}

// body reads a request's body, and answers with a problem if that fails.
func body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if r.Method == http.MethodGet {
		return nil, true
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		problem.Write(w, http.StatusRequestEntityTooLarge, fmt.Errorf("the request has more than %d MiB: apply less at once", mostBody>>20))
	case err != nil:
		problem.Write(w, http.StatusBadRequest, fmt.Errorf("the request's body ended early: %v", err))
	}
	return text, err == nil
}

// unavailable answers that it is worth asking again.
func unavailable(w http.ResponseWriter) {
	problem.Write(w, http.StatusServiceUnavailable, errors.New("no node writes what is declared at the moment, which is settled within seconds: ask again"))
}
