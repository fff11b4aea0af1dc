package claim

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/internal/vfs"
)

// Prefix is where data is over HTTP: its digest in hexadecimal follows.
const Prefix = "/v1/claims/"

// An API takes data in and gives it out over HTTP:
//
//	PUT  /v1/claims/HEX   keeps the body, whose SHA-256 must be HEX: 201
//	GET  /v1/claims/HEX   the data
//
// Both pass data on as it comes, through a file where it is to be kept; memory does not
// grow with it. Errors are problems (RFC 9457).
type API struct {
	store Store
	spool *spool
	guard Guard
}

// A Guard tells why a request may not do something; nil if it may.
type Guard struct {
	Keep, Read func(*http.Request) error
}

// NewAPI makes one that keeps data in store, and what is coming in in the folder dir
// meanwhile.
func NewAPI(store Store, fsys vfs.FS, dir string, guard Guard) (*API, error) {
	s, err := openSpool(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("folder of data that is coming in: %w", err)
	}
	return &API{store, s, guard}, nil
}

// Handle adds the paths to a mux.
func (a *API) Handle(mux *http.ServeMux) {
	mux.HandleFunc("GET "+Prefix+"{digest}", a.get)
	mux.HandleFunc("PUT "+Prefix+"{digest}", a.put)
}

// digestOf reads the digest of a path, and answers with a problem if it is none.
func digestOf(w http.ResponseWriter, r *http.Request) (event.Digest, bool) {
	text := r.PathValue("digest")
	d, err := event.ParseDigest("sha256:" + text)
	if err != nil {
		problem.Write(w, http.StatusBadRequest, fmt.Errorf("%q is no SHA-256: want 64 hexadecimal digits in small letters", text))
	}
	return d, err == nil
}

func (a *API) get(w http.ResponseWriter, r *http.Request) {
	d, ok := digestOf(w, r)
	if !ok {
		return
	}
	if err := a.guard.Read(r); err != nil {
		problem.Unauthorized(w, err)
		return
	}
	data, size, err := a.store.Open(r.Context(), d)
	if err != nil {
		problem.Write(w, statusOf(err), err)
		return
	}
	defer data.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("X-Content-Type-Options", "nosniff") // what it is, its event says
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("ETag", strconv.Quote(hexadecimal(d)))
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
	if r.Method == http.MethodHead {
		return
	}
	of := newSum()
	// Who gets damaged data is to see that it is not whole: the last byte waits.
	if _, err := io.CopyN(io.MultiWriter(w, of), data, size-1); err != nil && size > 0 {
		panic(http.ErrAbortHandler)
	}
	last, err := io.ReadAll(data)
	of.Write(last)
	if err != nil || of.digest() != d {
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(last) // a client that is gone needs no answer
}

func (a *API) put(w http.ResponseWriter, r *http.Request) {
	d, ok := digestOf(w, r)
	if !ok {
		return
	}
	if err := a.guard.Keep(r); err != nil {
		problem.Unauthorized(w, err)
		return
	}
	if r.ContentLength > event.MaxClaim {
		problem.Write(w, http.StatusRequestEntityTooLarge, fmt.Errorf("%d bytes are more than an event may have elsewhere: %d", r.ContentLength, event.MaxClaim))
		return
	}
	all, err := a.spool.take(http.MaxBytesReader(w, r.Body, event.MaxClaim))
	if err != nil {
		problem.Write(w, statusOf(err), fmt.Errorf("nothing was kept: %w", err))
		return
	}
	err = a.keep(r, d, all)
	if err = errors.Join(err, all.drop()); err != nil {
		problem.Write(w, statusOf(err), err)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// keep keeps what came in, if it is what was announced.
func (a *API) keep(r *http.Request, d event.Digest, all *spooled) error {
	if all.digest != d {
		return fmt.Errorf("%w: nothing was kept: the %d bytes that came have the %v, and the path says %s", event.ErrClaim, all.size, all.digest, strings.TrimPrefix(r.URL.Path, Prefix))
	}
	return a.store.Put(r.Context(), d, all, all.size)
}

func statusOf(err error) int {
	var long *http.MaxBytesError
	switch {
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, event.ErrClaim), errors.Is(err, io.ErrUnexpectedEOF):
		return http.StatusBadRequest
	case errors.As(err, &long):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, syscall.ENOSPC):
		return http.StatusInsufficientStorage
	}
	return http.StatusServiceUnavailable
}
