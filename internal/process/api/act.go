package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/nearest"
	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/internal/process/control"
)

// An Order is the body of what steers a processor.
type Order struct {
	// Version is which one: of pause, resume and reset the active one if it is 0 (pause
	// and resume: all); of replay the new one's number, of switch the one that is to
	// count, each the highest there is, and one more, if it is 0.
	Version int `json:"version,omitempty"`
	// To is where a reset goes: start, latest, a time (RFC 3339) or an offset.
	To string `json:"to,omitempty"`
	// State is what becomes of state in a reset: keep or discard. A processor that has
	// state needs one of them.
	State string `json:"state,omitempty"`
	// From is where a replay begins: start, latest or a time; empty: start.
	From string `json:"from,omitempty"`
}

// mostBody is how long an order may be, in bytes.
const mostBody = 64 << 10

// act does what a processor is told: POST /v1/processors/NAME:VERB.
func (a *API) act(w http.ResponseWriter, r *http.Request) {
	verbs := map[string]func(http.ResponseWriter, *http.Request, string, Order){
		"pause": a.pause, "resume": a.resume, "reset": a.reset, "replay": a.replay, "switch": a.change,
	}
	names := []string{"pause", "replay", "reset", "resume", "switch"}
	name, verb, _ := strings.Cut(r.PathValue("action"), ":")
	if !a.known(w, name) {
		return
	}
	do, ok := verbs[verb]
	if !ok {
		problem.Write(w, http.StatusNotFound, fmt.Errorf("a processor cannot be told to %q%s", verb, nearest.Hint(verb, names, ": it is told to "+strings.Join(names, ", "))))
		return
	}
	order, err := readOrder(http.MaxBytesReader(w, r.Body, mostBody))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		problem.Write(w, http.StatusRequestEntityTooLarge, fmt.Errorf("the order has more than %d bytes", mostBody))
	case err != nil:
		problem.Write(w, http.StatusBadRequest, fmt.Errorf("the body is no order: %w", err))
	default:
		do(w, r, name, order)
	}
}

// readOrder reads an order; nothing is the zero one.
func readOrder(body io.Reader) (o Order, err error) {
	text, err := io.ReadAll(body)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return o, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return o, err
	}
	if rest := bytes.TrimSpace(text[d.InputOffset():]); len(rest) > 0 {
		return o, fmt.Errorf("something follows it, at byte %d", len(text)-len(rest))
	}
	return o, nil
}

// errOrder is wrapped by what is wrong with an order.
var errOrder = errors.New("nothing was done")

// find is the version of a number, which an order names.
func find(s *control.Spec, number int) (*control.Version, error) {
	v, err := running(s, number)
	if err != nil {
		err = fmt.Errorf("%w: %w", errOrder, err)
	}
	return v, err
}

// running is the version of a number.
func running(s *control.Spec, number int) (*control.Version, error) {
	var numbers []string
	for i := range s.Versions {
		if s.Versions[i].Version == number {
			return &s.Versions[i], nil
		}
		numbers = append(numbers, strconv.Itoa(s.Versions[i].Version))
	}
	there := "are"
	if len(numbers) == 1 {
		there = "is"
	}
	return nil, fmt.Errorf("version %d is not among those that run: there %s %s", number, there, strings.Join(numbers, ", "))
}

// pausing pauses, or ends that: all of a processor, or a version. To resume all is to
// resume those, too, that were paused by themselves.
func pausing(paused bool, number int) func(*control.Spec) error {
	return func(s *control.Spec) error {
		if number == 0 {
			s.Paused = paused
			for i := range s.Versions {
				s.Versions[i].Paused = s.Versions[i].Paused && paused
			}
			return nil
		}
		v, err := find(s, number)
		if err != nil {
			return err
		}
		v.Paused = paused
		return nil
	}
}

func (a *API) pause(w http.ResponseWriter, r *http.Request, name string, o Order) {
	if a.Declare(w, r, name, pausing(true, o.Version)) {
		a.answer(w, r, name)
	}
}

func (a *API) resume(w http.ResponseWriter, r *http.Request, name string, o Order) {
	if a.Declare(w, r, name, pausing(false, o.Version)) {
		a.answer(w, r, name)
	}
}

// answer answers with how the processor does now.
func (a *API) answer(w http.ResponseWriter, r *http.Request, name string) {
	problem.JSON(w, a.processor(r.Context(), name))
}

// replay has another version run beside the active one, from a place of its own, with
// its outputs withheld.
func (a *API) replay(w http.ResponseWriter, r *http.Request, name string, o Order) {
	if o.Version < 0 {
		problem.Write(w, http.StatusBadRequest, fmt.Errorf("%w: version is %d, and must be a number from 1", errOrder, o.Version))
		return
	}
	o.From = cmp.Or(o.From, "start")
	done := a.Declare(w, r, name, func(s *control.Spec) error {
		if o.Version == 0 {
			o.Version = slices.MaxFunc(s.Versions, func(a, b control.Version) int { return a.Version - b.Version }).Version + 1
		}
		if _, err := find(s, o.Version); err == nil {
			return fmt.Errorf("%w: version %d runs already: replay into another one", errOrder, o.Version)
		}
		s.Versions = append(s.Versions, control.Version{Version: o.Version, From: o.From})
		return nil
	})
	if done {
		a.answer(w, r, name)
	}
}
