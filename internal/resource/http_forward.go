package resource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// forwarded is the header of requests that another node has passed on: they go no
// further.
const forwarded = "Evident-Forwarded"

// writing answers a request at the node that writes.
type writing func(w http.ResponseWriter, r *http.Request, body []byte)

// authorized lets in who may change something, before his request is read.
func (a *API) authorized(h writing) http.HandlerFunc {
	written := a.written(h)
	return func(w http.ResponseWriter, r *http.Request) {
		if _, err := a.Authorize(r); err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110, section 11.6.1
			problem(w, http.StatusUnauthorized, err.Error())
			return
		}
		written(w, r)
	}
}

// written answers what only the writer can; another node passes it on, once.
func (a *API) written(h writing) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, ok := body(w, r)
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		base, err := a.Service.Writer(ctx)
		cancel()
		switch {
		case err != nil || base != "" && r.Header.Get(forwarded) != "":
			a.unavailable(w)
		case base != "":
			a.forward(w, r, base, text)
		default:
			h(w, r, text)
		}
	}
}

// forward answers as the writer does.
func (a *API) forward(w http.ResponseWriter, r *http.Request, base string, body []byte) {
	r.Header.Set(forwarded, "1")
	resp, err := a.Forward(r, base, body)
	if err != nil {
		unavailable(w, fmt.Sprintf("the node at %s writes what is declared, and cannot be reached from here: %v", base, err))
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized {
		problem(w, http.StatusBadGateway, fmt.Sprintf("the node at %s writes what is declared, and does not know this node's token: nodes that share a cluster need one file, --http-token-file", base))
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

// body reads a request's body, and answers with a problem if that fails.
func body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if r.Method == http.MethodGet {
		return nil, true
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		problem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request has more than %d MiB: apply less at once", mostBody>>20))
	case err != nil:
		problem(w, http.StatusBadRequest, fmt.Sprintf("the request's body ended early: %v", err))
	}
	return text, err == nil
}

func (a *API) unavailable(w http.ResponseWriter) {
	unavailable(w, "no node writes what is declared at the moment, which is settled within seconds: ask again")
}

// unavailable answers that it is worth asking again.
func unavailable(w http.ResponseWriter, detail string) {
	w.Header().Set("Retry-After", "1")
	problem(w, http.StatusServiceUnavailable, detail)
}
