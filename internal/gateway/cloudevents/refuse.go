package cloudevents

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/gateway/intake"
	"github.com/evidentlog/evident/internal/gateway/live"
	"github.com/evidentlog/evident/internal/problem"
)

// errNoTopicNamed says that a request does not say where its events go.
var errNoTopicNamed = errors.New("the request names no topic: POST to /v1/topics/TOPIC/events, or with ?topic=TOPIC")

// statuses are those of errors: the first that fits.
var statuses = []struct {
	err    error
	status int
}{
	{errBusy, http.StatusTooManyRequests},
	{kerr.ThrottlingQuotaExceeded, http.StatusTooManyRequests},
	{errBodySize, http.StatusRequestEntityTooLarge},
	{event.ErrTooLarge, http.StatusRequestEntityTooLarge},
	{intake.ErrTooLarge, http.StatusRequestEntityTooLarge},
	{errSlow, http.StatusRequestTimeout},
	{event.ErrNotEvent, http.StatusUnsupportedMediaType},
	{event.ErrFormat, http.StatusUnsupportedMediaType},
	{event.ErrInvalid, http.StatusUnprocessableEntity},
	{kerr.InvalidRecord, http.StatusUnprocessableEntity},
	{kerr.PolicyViolation, http.StatusUnprocessableEntity},
	{event.ErrSyntax, http.StatusBadRequest},
	{io.ErrUnexpectedEOF, http.StatusBadRequest},
	{intake.ErrReserved, http.StatusForbidden},
	{kerr.TopicAuthorizationFailed, http.StatusForbidden},
	{intake.ErrNoTopic, http.StatusNotFound},
	{live.ErrNoTopic, http.StatusNotFound},
	{live.ErrPosition, http.StatusBadRequest},
}

// statusOf is the status of an error; 503 if nothing is known against the request.
func statusOf(err error) int {
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			return s.status
		}
	}
	return http.StatusServiceUnavailable
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, err error) {
	send(w, problem.New(statusOf(err), advised(err)))
}

// advised is an error with what can be done about it.
func advised(err error) error {
	switch {
	case errors.Is(err, event.ErrNotEvent):
		return fmt.Errorf("%w: send it with headers ce-specversion, ce-id, ce-source and ce-type, or as application/cloudevents+json, application/cloudevents-batch+json or application/x-ndjson", err)
	case errors.Is(err, event.ErrFormat):
		return fmt.Errorf("%w: known are application/cloudevents+json, application/cloudevents-batch+json and application/x-ndjson, in UTF-8", err)
	case errors.Is(err, errBodySize):
		return fmt.Errorf("%w: send events as lines (application/x-ndjson), and large data to /v1/claims first", err)
	}
	return err
}

// A Bad is an event that is refused, or was not acknowledged.
type Bad struct {
	Index  int    `json:"index"`            // from 0
	Offset *int64 `json:"offset,omitempty"` // of its beginning in the body, in bytes
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// badOf is what is wrong with an event.
func badOf(index int, err error) Bad {
	bad := Bad{Index: index, Status: statusOf(err)}
	if e := (*event.BatchError)(nil); errors.As(err, &e) {
		bad.Index, bad.Offset, err = e.Index, &e.Offset, e.Err
	}
	if e := (*intake.EventError)(nil); errors.As(err, &e) {
		bad.Index, err = e.Index, e.Err
	}
	bad.Detail = err.Error()
	return bad
}

// send answers with a problem, and asks to come again where that helps.
func send(w http.ResponseWriter, p problem.Problem) { sendWith(w, p.Status, p) }

func sendWith(w http.ResponseWriter, status int, p any) {
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		w.Header().Set("Connection", "close") // the rest of the body is not read
	}
	problem.Send(w, status, p)
}
