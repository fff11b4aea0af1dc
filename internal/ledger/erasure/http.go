package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/evidentlog/evident/internal/auth/token"
	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/opening"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/proof"
)

// maxRequest bounds the body of a request, in bytes.
const maxRequest = 1 << 20

// ServeErase answers POST /v1/erasures: a [Request], answered with a [Result]. by
// says who asks; its error refuses them, token.ErrRefused for want of a token.
func (e *Eraser) ServeErase(by func(*http.Request) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := by(r)
		if err != nil {
			Refuse(w, err)
			return
		}
		request, err := readRequest(r)
		if err != nil {
			problem.Write(w, http.StatusBadRequest, err)
			return
		}
		result, err := e.Erase(r.Context(), request, who)
		if err != nil {
			problem.Write(w, statusOf(err), err)
			return
		}
		problem.JSON(w, result)
	}
}

// Refuse answers who may not ask for what cannot be undone: 401 for want of the
// node's token, and otherwise 403.
func Refuse(w http.ResponseWriter, err error) {
	if errors.Is(err, token.ErrRefused) {
		problem.Unauthorized(w, err)
		return
	}
	problem.Write(w, http.StatusForbidden, err)
}

// ServeList answers GET /v1/topics/{topic}/partitions/{partition}/erasures with the
// receipts of a partition.
func (e *Eraser) ServeList(w http.ResponseWriter, r *http.Request) {
	topic := r.PathValue("topic")
	number, err := strconv.ParseInt(r.PathValue("partition"), 10, 32)
	if err != nil || number < 0 {
		problem.Write(w, http.StatusBadRequest, fmt.Errorf("%q is no number of a partition", r.PathValue("partition")))
		return
	}
	list, err := e.list(topic, int32(number))
	if err != nil {
		problem.Write(w, statusOf(err), err)
		return
	}
	problem.JSON(w, map[string][]Receipt{"erasures": list})
}

func (e *Eraser) list(topic string, partition int32) ([]Receipt, error) {
	origin, err := e.Ledger.Newest(topic, strconv.Itoa(int(partition)))
	if err != nil {
		return nil, err
	}
	t, err := proof.ParseOrigin(e.Ledger.Origin(), origin)
	if err != nil {
		return nil, err
	}
	list, err := e.Ledger.Erasures(t)
	return receipts(list), err
}

func readRequest(r *http.Request) (Request, error) {
	var request Request
	// Not what a page of another site can have a browser send.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return request, fmt.Errorf("%w: Content-Type is %q, and must be application/json", ErrBadRequest, r.Header.Get("Content-Type"))
	}
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxRequest))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return request, fmt.Errorf("%w: the body is not JSON that says what to erase: %w", ErrBadRequest, err)
	}
	return request, request.Validate()
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrBadRequest):
		return http.StatusBadRequest
	case errors.Is(err, ledger.ErrMayCome):
		return http.StatusInternalServerError // others say that nothing was done
	case errors.Is(err, opening.ErrNoRecord), errors.Is(err, ledger.ErrNoTree):
		return http.StatusNotFound
	case errors.Is(err, ledger.ErrNotYet), errors.Is(err, log.ErrHeld), errors.Is(err, ledger.ErrClosed),
		errors.Is(err, ledger.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// errFromElsewhere refuses who is not on the machine.
var errFromElsewhere = errors.New("erasures are asked for on the machine of the node, at its loopback address: HTTP has no logins, and what is erased does not come back")

// Local refuses requests that do not come from this machine ([token.Local]) or that a
// page of another site made: others can ask for an erasure through whoever can log in
// here.
func Local(r *http.Request) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fmt.Errorf("%w; this request is a browser's: %w", errFromElsewhere, err)
	}
	if err := token.Local(r); err != nil {
		return fmt.Errorf("%w; %w", errFromElsewhere, err)
	}
	return nil
}
