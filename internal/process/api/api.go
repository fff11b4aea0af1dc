// Package api serves processors over HTTP: how they do, their state by key, and what
// steers them. Any node answers for all: it passes on what another one has.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/nearest"
	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/control"
	"github.com/evidentlog/evident/internal/process/group"
	"github.com/evidentlog/evident/internal/process/standby"
	"github.com/evidentlog/evident/internal/process/state"
)

// Prefix is where the paths begin.
const Prefix = "/v1/processors"

// Running is a version that runs on this node: [process.Run].
type Running interface {
	Processor() process.Processor
	// Group is nil before the node is a member.
	Group() *group.Group
	Tasks() []process.Status
	// Trouble is why it stands still on this node; nil if it does not.
	Trouble() error
	Copies() map[int32]standby.Status
	// State is that of a task that the node has and that is running.
	State(partition int32) (*state.Task, bool)
	// Copy is the state that the node has, however old.
	Copy(partition int32) (*state.Task, standby.Status, bool)
}

// An API serves processors over HTTP:
//
//	GET  /v1/processors                       all that the program has code for
//	GET  /v1/processors/NAME                  one, with versions, tasks and standbys
//	GET  /v1/processors/NAME/state/KEY        a value: ?store=, ?version=, ?partition=, ?stale=ok
//	GET  /v1/processors/NAME/state            a range of a task: ?partition=, ?from=, ?to=, ?limit=
//	POST /v1/processors/NAME:pause            and :resume, :reset, :replay, :switch
//
// Errors are problems (RFC 9457).
type API struct {
	Control *control.Controller
	// Find is a version that runs on this node.
	Find func(name string, version int) (Running, bool)
	// Client asks the cluster. It is the caller's.
	Client *kgo.Client
	// Forward sends a request to the node that has the base URL.
	Forward func(r *http.Request, base string, body []byte) (*http.Response, error)
	// MayRead tells why a request may not read state; nil if it may.
	MayRead func(*http.Request) error
	// Declare changes what is declared of a processor on behalf of who made a request,
	// or answers it with why that cannot be, and returns false.
	Declare func(w http.ResponseWriter, r *http.Request, name string, change func(*control.Spec) error) bool

	counts partitionCounts
}

// Handle adds the paths to a mux.
func (a *API) Handle(mux *http.ServeMux) {
	mux.HandleFunc("GET "+Prefix, a.list)
	mux.HandleFunc("GET "+Prefix+"/{name}", a.describe)
	mux.HandleFunc("GET "+Prefix+"/{name}/state", a.reads(a.scan))
	mux.HandleFunc("GET "+Prefix+"/{name}/state/{key}", a.reads(a.value))
	mux.HandleFunc("POST "+Prefix+"/{action}", a.act)
}

// reads guards what answers with state.
func (a *API) reads(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := a.MayRead(r); err != nil {
			problem.Unauthorized(w, err)
			return
		}
		next(w, r)
	}
}

// forwarded is the header of requests that another node has passed on.
const forwarded = "Evident-Forwarded"

// known answers that there is no such processor, unless there is.
func (a *API) known(w http.ResponseWriter, name string) bool {
	if _, ok := a.Control.Code(name, 0); ok {
		return true
	}
	names := a.Control.Names()
	if len(names) == 0 {
		problem.Write(w, http.StatusNotFound, fmt.Errorf("there is no processor %q: the program has code for none", name))
		return false
	}
	problem.Write(w, http.StatusNotFound, fmt.Errorf("there is no processor %q%s", name, nearest.Hint(name, names, ": there are "+strings.Join(names, ", "))))
	return false
}

// partitionCounts remembers how many partitions topics have, for a while.
type partitionCounts struct {
	sync.Mutex
	known map[string]count
}

type count struct {
	n  int32
	at time.Time
}

// countAge is how long a count is good for.
const countAge = 5 * time.Second

// mostDescribed is how much of what another node says is read, in bytes.
const mostDescribed = 16 << 20

// fetchJSON asks another node for the same as r, and reads the answer.
func (a *API) fetchJSON(ctx context.Context, r *http.Request, base, query string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	out := r.Clone(ctx)
	out.URL.RawQuery = query
	out.Header.Set(forwarded, "1")
	resp, err := a.Forward(out, base, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, mostDescribed)).Decode(v)
}
