// Package problem writes answers of HTTP in JSON, and those to what could not be done
// as problems (RFC 9457). What went wrong, and with which status, its callers know.
package problem

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// ContentType is the media type of problems.
const ContentType = "application/problem+json"

// A Problem is an answer to what could not be done. Answers with more members embed it.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// New makes a problem of an error, with the status's own title.
func New(status int, err error) Problem {
	return Problem{http.StatusText(status), status, err.Error()}
}

// Write answers with an error. With 503 it asks to come again after a second, unless
// the header Retry-After says when already.
func Write(w http.ResponseWriter, status int, err error) {
	if status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", "1")
	}
	Send(w, status, New(status, err))
}

// Unauthorized answers 401 with why a request lacks what it has to show as a bearer
// token.
func Unauthorized(w http.ResponseWriter, err error) {
	w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110, section 11.6.1
	Write(w, http.StatusUnauthorized, err)
}

// Send answers with a problem that has more members.
func Send(w http.ResponseWriter, status int, problem any) { send(w, ContentType, status, problem) }

// JSON answers 200 with a value.
func JSON(w http.ResponseWriter, v any) { send(w, "application/json", http.StatusOK, v) }

// send answers whole, or with a problem if the value cannot be written.
func send(w http.ResponseWriter, kind string, status int, v any) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // a client that is gone needs no answer
}
