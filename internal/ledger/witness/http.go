package witness

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/evidentlog/evident/internal/ledger/witness/protocol"
)

// maxAsking is how many requests are looked at at a time.
const maxAsking = 64

// Handler serves the witness: below its submission prefix POST add-checkpoint,
// below its monitoring prefix, which is the same, GET {hash of an origin}/checkpoint.
// GET /vkeys has its verifier keys, a line each.
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	asking := make(chan struct{}, maxAsking)
	mux.HandleFunc("POST "+protocol.AddCheckpoint, func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, protocol.MaxBody))
		if err != nil {
			refuse(rw, http.StatusBadRequest, err) // too long, or cut off
			return
		}
		select {
		case asking <- struct{}{}:
			defer func() { <-asking }()
		case <-r.Context().Done():
			return
		}
		w.addCheckpoint(rw, string(body))
	})
	mux.HandleFunc("GET /{hash}/checkpoint", w.serveCheckpoint)
	mux.HandleFunc("GET /vkeys", func(rw http.ResponseWriter, _ *http.Request) {
		for _, k := range w.keys {
			fmt.Fprintln(rw, k)
		}
	})
	return mux
}

func (w *Witness) addCheckpoint(rw http.ResponseWriter, body string) {
	lines, err := w.cosign(body)
	conflict := new(errConflict)
	switch {
	case err == nil:
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = rw.Write(lines) // a client that is gone asks again
	case errors.As(err, &conflict):
		rw.Header().Set("Content-Type", protocol.SizeType)
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintf(rw, "%d\n", conflict.size)
	case errors.Is(err, errMalformed):
		refuse(rw, http.StatusBadRequest, err)
	case errors.Is(err, errUnknownLog):
		refuse(rw, http.StatusNotFound, err)
	case errors.Is(err, errNotSigned):
		refuse(rw, http.StatusForbidden, err)
	case errors.Is(err, errInconsistent):
		refuse(rw, http.StatusUnprocessableEntity, err)
	case errors.Is(err, errBusy):
		rw.Header().Set("Retry-After", strconv.Itoa(w.retryAfter()))
		refuse(rw, http.StatusTooManyRequests, err)
	default:
		refuse(rw, http.StatusInternalServerError, err)
	}
}

func refuse(rw http.ResponseWriter, status int, err error) { http.Error(rw, err.Error(), status) }

// serveCheckpoint serves monitors.
func (w *Witness) serveCheckpoint(rw http.ResponseWriter, r *http.Request) {
	signed := w.cosigned(r.PathValue("hash"))
	if signed == nil {
		refuse(rw, http.StatusNotFound, errors.New("no log with this hash of its origin was cosigned here"))
		return
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("Cache-Control", "max-age=1")
	_, _ = rw.Write(signed) // a client that is gone needs no answer
}
