package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/evidentlog/evident/internal/schema/registry"
)

// Media types, the one that is answered with first.
const (
	v1JSON    = "application/vnd.schemaregistry.v1+json"
	anyJSON   = "application/vnd.schemaregistry+json"
	plainJSON = "application/json"
)

// accepted is the media type that a client wants; false if it wants none of ours.
func accepted(r *http.Request) (string, bool) {
	given := r.Header.Values("Accept")
	if len(given) == 0 {
		return v1JSON, true
	}
	wants := map[string]bool{}
	for _, one := range strings.Split(strings.Join(given, ","), ",") {
		kind, _, _ := strings.Cut(one, ";") // of several that are wanted, ours are one as good as the other
		wants[strings.ToLower(strings.TrimSpace(kind))] = true
	}
	for _, kind := range []string{v1JSON, anyJSON, plainJSON} {
		if wants[kind] {
			return kind, true
		}
	}
	return v1JSON, wants["*/*"] || wants["application/*"]
}

// decode reads a request's body, of which it may have any that Confluent's registry
// takes for JSON. Unknown fields do not matter: there are enterprise parts.
func decode(r *http.Request, into any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Header.Get("Content-Type") == "":
	case err != nil, kind != v1JSON && kind != anyJSON && kind != plainJSON && kind != "application/octet-stream":
		return registry.Errorf(http.StatusUnsupportedMediaType, "HTTP 415 Unsupported Media Type: %s; send %s or %s", r.Header.Get("Content-Type"), v1JSON, plainJSON)
	}
	err = json.NewDecoder(r.Body).Decode(into)
	var long *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &long):
		return registry.Errorf(http.StatusRequestEntityTooLarge, "the request has more than %d bytes", long.Limit)
	}
	return registry.Errorf(http.StatusBadRequest, "the body is no JSON that fits the request: %w", err)
}

// message is the body of an error.
type message struct {
	Code    registry.Code `json:"error_code"`
	Message string        `json:"message"`
}

func sendError(w http.ResponseWriter, err error) {
	var known *registry.Error
	if !errors.As(err, &known) {
		known = registry.Errorf(registry.Store, "%w", err)
	}
	status := known.Code.Status()
	switch {
	case status == http.StatusUnauthorized:
		w.Header().Add("WWW-Authenticate", "Bearer") // RFC 9110, section 11.6.1
		w.Header().Add("WWW-Authenticate", `Basic realm="schema registry"`)
	case status >= http.StatusInternalServerError:
		w.Header().Set("Retry-After", "1")
	}
	write(w, v1JSON, status, message{known.Code, known.Message})
}

// A text is answered as it is, and not as a JSON string.
type text string

// noContent is answered without a body.
type noContent struct{}

func send(w http.ResponseWriter, kind string, v any) {
	switch v := v.(type) {
	case text:
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write([]byte(v)) // a client that is gone needs no answer
	case noContent:
		w.WriteHeader(http.StatusNoContent)
	case *http.Response:
		passOn(w, v)
	default:
		write(w, kind, http.StatusOK, v)
	}
}

func write(w http.ResponseWriter, kind string, status int, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n"))) // a client that is gone needs no answer
}

// jsonErrors answers in JSON where there is no such path or method.
func jsonErrors(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		found := statusOnly{header: http.Header{}}
		h.ServeHTTP(&found, r)
		if allow := found.header.Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
		}
		status := found.status
		if status != http.StatusMethodNotAllowed {
			status = http.StatusNotFound
		}
		sendError(w, registry.Errorf(registry.Code(status), "HTTP %d %s", status, http.StatusText(status)))
	})
}

// statusOnly takes note of how a request would be answered.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }
