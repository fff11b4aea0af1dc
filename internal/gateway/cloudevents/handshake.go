package cloudevents

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/evidentlog/evident/internal/problem"
)

// Headers of the handshake (CloudEvents, HTTP 1.1 Web Hooks for Event Delivery 1.0.2,
// section 4).
const (
	requestOrigin = "WebHook-Request-Origin"
	requestRate   = "WebHook-Request-Rate"
	allowedOrigin = "WebHook-Allowed-Origin"
	allowedRate   = "WebHook-Allowed-Rate"
)

// handshake tells senders of webhooks whether they may send here. A URL to be called
// with the answer (WebHook-Request-Callback) is passed over: whoever may send is told at
// once, and who may not is not told later.
func (a *API) handshake(w http.ResponseWriter, r *http.Request) {
	allowed := "OPTIONS, POST"
	if r.PathValue("topic") != "" {
		allowed = "GET, HEAD, OPTIONS, POST"
	}
	w.Header().Set("Allow", allowed)
	origin := r.Header.Get(requestOrigin)
	switch {
	case origin == "":
		w.WriteHeader(http.StatusNoContent) // somebody asks for methods only
		return
	case !a.lets(origin):
		problem.Write(w, http.StatusForbidden, fmt.Errorf("webhooks of %q are not let in: start the node with --gateway-origin %q", origin, origin))
		return
	}
	if rate := r.Header.Get(requestRate); rate != "" && rate != "*" {
		if n, err := strconv.ParseUint(rate, 10, 63); err != nil || n == 0 {
			problem.Write(w, http.StatusBadRequest, fmt.Errorf("%s is %q: want a number of requests a minute above 0", requestRate, rate))
			return
		}
	}
	w.Header().Set(allowedOrigin, origin)
	w.Header().Set(allowedRate, "*") // 429 tells when it is too much
	w.WriteHeader(http.StatusOK)
}

// lets tells whether webhooks of an origin are let in.
func (a *API) lets(origin string) bool {
	return slices.Contains(a.cfg.Origins, "*") || slices.Contains(a.cfg.Origins, origin)
}
