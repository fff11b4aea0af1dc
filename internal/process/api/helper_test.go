package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/control"
	"github.com/evidentlog/evident/internal/process/group"
	"github.com/evidentlog/evident/internal/process/standby"
	"github.com/evidentlog/evident/internal/process/state"
	"github.com/evidentlog/evident/internal/vfs"
)

// newCluster is one with the topic in, of four partitions.
func newCluster(t *testing.T, topics ...string) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, append(topics, "in")...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// A fixture is an API of a program with the processors counter, which has the stores
// counts and last, and passer, which has none. Of counter, run runs on this node.
type fixture struct {
	t       *testing.T
	cluster *kfake.Cluster
	api     *API
	control *control.Controller
	client  *kgo.Client
	run     *run
	mux     *http.ServeMux
	refused error // why nobody may read
}

func newFixture(t *testing.T, cluster *kfake.Cluster) *fixture {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	f := &fixture{t: t, cluster: cluster, client: client, mux: http.NewServeMux()}
	code := func(process.Task) process.Handler { return nil }
	counter := process.Processor{Name: "counter", Version: 1, Inputs: []string{"in"}, Stores: []state.StoreConfig{{Name: "counts"}, {Name: "last"}}, New: code}
	passer := process.Processor{Name: "passer", Version: 1, Inputs: []string{"in"}, New: code}
	f.run = newRun(t, counter)
	if f.control, err = control.New(control.Config{Processors: []process.Processor{counter, passer}, Client: client, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	f.api = &API{
		Control: f.control, Client: client, Declare: f.declare, Find: f.find,
		MayRead: func(*http.Request) error { return f.refused },
	}
	f.api.Handle(f.mux)
	return f
}

func (f *fixture) find(name string, version int) (Running, bool) {
	return f.run, name == "counter" && version == 1
}

// declare is what a node does, without the resources.
func (f *fixture) declare(w http.ResponseWriter, r *http.Request, name string, change func(*control.Spec) error) bool {
	if err := r.Context().Err(); err != nil {
		f.t.Errorf("something is declared on behalf of who has gone: %v", err)
	}
	s := f.control.Spec(name)
	s.Versions = slices.Clone(s.Versions)
	if err := change(&s); err != nil {
		problem.Write(w, http.StatusConflict, err)
		return false
	}
	f.control.Declare(map[string]control.Spec{name: s})
	return true
}

func (f *fixture) ask(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	f.mux.ServeHTTP(w, r)
	return w.Result()
}

func (f *fixture) get(path string) *http.Response {
	return f.ask(httptest.NewRequestWithContext(f.t.Context(), http.MethodGet, Prefix+path, nil))
}

func (f *fixture) post(path, body string) *http.Response {
	return f.ask(httptest.NewRequestWithContext(f.t.Context(), http.MethodPost, Prefix+path, strings.NewReader(body)))
}

// refuses holds an answer to being a problem with a status, whose detail has a text.
func refuses(t *testing.T, resp *http.Response, status int, detail string) {
	t.Helper()
	var p problem.Problem
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status || p.Status != status || p.Title != http.StatusText(status) || resp.Header.Get("Content-Type") != problem.ContentType {
		t.Errorf("%s of type %q, %+v; want a problem with %d", resp.Status, resp.Header.Get("Content-Type"), p, status)
	}
	if !strings.Contains(p.Detail, detail) {
		t.Errorf("the problem is %q, want %q in it", p.Detail, detail)
	}
	if again := resp.Header.Get("Retry-After") != ""; again != (status == http.StatusServiceUnavailable) {
		t.Errorf("%s: Retry-After is there: %t", resp.Status, again)
	}
}

// A run is a version on this node: a member that has not joined, with the tasks and copies
// that a test gives it.
type run struct {
	of      process.Processor
	group   *group.Group
	status  []process.Status
	trouble error
	tasks   map[int32]*state.Task
	copies  map[int32]standby.Status
	db      *state.DB
}

func newRun(t *testing.T, p process.Processor) *run {
	t.Helper()
	db, err := state.Open(state.Config{FS: vfs.NewMem(), Dir: "/state", Reserve: 1, Stores: p.Stores})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &run{of: p, group: group.New(group.Config{Instance: "self"}), tasks: map[int32]*state.Task{}, copies: map[int32]standby.Status{}, db: db}
}

// fill makes the state of a task, with the changelog's offset behind it.
func (r *run) fill(t *testing.T, partition int32, store string, values map[string]string) *state.Task {
	t.Helper()
	task, err := r.db.Task(partition)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if _, err := task.Attach(state.Changelog{Topic: [16]byte{1}, End: 1 << 40}, now); err != nil {
		t.Fatal(err)
	}
	tx := task.Begin(now)
	for k, v := range values {
		err = errors.Join(err, tx.Store(store).Put([]byte(k), []byte(v)))
	}
	if err := errors.Join(err, tx.Commit(int64(len(values)))); err != nil {
		t.Fatal(err)
	}
	return task
}

func (r *run) Processor() process.Processor     { return r.of }
func (r *run) Group() *group.Group              { return r.group }
func (r *run) Tasks() []process.Status          { return r.status }
func (r *run) Trouble() error                   { return r.trouble }
func (r *run) Copies() map[int32]standby.Status { return r.copies }

func (r *run) State(partition int32) (*state.Task, bool) {
	_, copied := r.copies[partition]
	t, ok := r.tasks[partition]
	return t, ok && !copied
}

func (r *run) Copy(partition int32) (*state.Task, standby.Status, bool) {
	t, ok := r.tasks[partition]
	return t, r.copies[partition], ok
}
