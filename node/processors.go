package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/api"
	"github.com/evidentlog/evident/internal/process/control"
	"github.com/evidentlog/evident/internal/process/dedup"
	"github.com/evidentlog/evident/internal/process/group"
	"github.com/evidentlog/evident/internal/process/state"
	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/resource/deduplication"
	"github.com/evidentlog/evident/internal/resource/processor"
)

// processorsDir is the folder of processors' state in the data folder.
const processorsDir = "processors"

// processors are those that the node runs.
type processors struct {
	control *control.Controller
	api     *api.API
	declare *http.ServeMux // the paths of resources
	client  *kgo.Client
	dedup   *dedup.Metrics
	memory  *state.Memory // what all processors' state shares; nil until one is to run
	done    chan struct{} // closed when all have stopped
	telling sync.Mutex    // one tells the controller at a time
}

// processorNames are those of the processors that the node has code for.
func (n *Node) processorNames() []string {
	var names []string
	for _, p := range n.cfg.Processors {
		names = append(names, p.Name)
	}
	return names
}

// startProcessors runs the processors that the node has code for, and those that are
// declared, until ctx ends, as it is declared.
func (n *Node) startProcessors(ctx context.Context) error {
	p := &processors{done: make(chan struct{}), declare: http.NewServeMux()}
	n.processors = p
	n.resources.api.Handle(p.declare)
	if err := n.makeProcessors(p); err != nil {
		p.close()
		return fmt.Errorf("processors: %w", err)
	}
	n.servers.Go(func() { n.followProcessors(ctx) })
	n.servers.Go(func() {
		defer p.close()
		select {
		case <-ctx.Done():
		case <-n.answered:
		}
		if err := p.control.Run(ctx); err != nil {
			n.cfg.Logger.Error("processors do not run", "error", err)
		}
	})
	return nil
}

// makeProcessors makes what runs them.
func (n *Node) makeProcessors(p *processors) (err error) {
	if p.client, err = n.engine.Client(); err != nil {
		return err
	}
	if p.dedup, err = dedup.NewMetrics(n.cfg.Metrics); err != nil {
		return err
	}
	service := &processService{create: n.newProcessService}
	if len(n.cfg.Processors) > 0 {
		if _, err := service.get(); err != nil {
			return err
		}
	}
	p.control, err = control.New(control.Config{
		Runner: service, Processors: n.cfg.Processors, Client: p.client, Current: n.currentProcessors, Logger: n.cfg.Logger,
	})
	p.api = &api.API{Control: p.control, Find: service.find, Client: p.client, Forward: n.resources.api.Forward, Declare: n.declareProcessor, MayRead: n.mayRead}
	return err
}

// close is the end, when nothing runs any more.
func (p *processors) close() {
	if p.client != nil {
		p.client.Close()
	}
	if p.dedup != nil {
		p.dedup.Close()
	}
	if p.memory != nil {
		p.memory.Close()
	}
	close(p.done)
}

// A processService is a [process.Service] that is made when something is first to run:
// without, a node on a cluster of somebody else's needs no folder.
type processService struct {
	create func() (*process.Service, error)

	mu   sync.Mutex
	made *process.Service
}

func (s *processService) get() (*process.Service, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made != nil {
		return s.made, nil
	}
	made, err := s.create()
	if err == nil {
		s.made = made
	}
	return made, err
}

// RunAdmitted implements [control.Runner].
func (s *processService) RunAdmitted(ctx context.Context, p process.Processor, admit func(context.Context) error) error {
	service, err := s.get()
	if err != nil {
		return err
	}
	return service.RunAdmitted(ctx, p, admit)
}

// find is a version that runs on this node.
func (s *processService) find(name string, version int) (api.Running, bool) {
	s.mu.Lock()
	made := s.made
	s.mu.Unlock()
	if made == nil {
		return nil, false
	}
	run, ok := made.Find(name, version)
	return run, ok
}

// newProcessService is what runs processors.
func (n *Node) newProcessService() (*process.Service, error) {
	instance, err := n.keptInstance()
	if err != nil {
		return nil, err
	}
	probe, err := n.probe()
	if err != nil {
		return nil, err
	}
	if n.processors.memory == nil {
		n.processors.memory = state.NewMemory(state.Share(n.cfg.StateMemory))
	}
	return process.New(process.Config{
		Client: n.engine.Client, ReplicationFactor: n.engine.ReplicationFactor(), FS: n.cfg.FS, Dir: filepath.Join(n.cfg.Data, processorsDir),
		Instance: instance, Address: n.httpURL(), Prober: group.NewProber(probe), Memory: n.processors.memory, Logger: n.cfg.Logger, Metrics: n.cfg.Metrics,
	})
}

// probe asks another node whether it lives, over a connection that stays open.
func (n *Node) probe() (func(context.Context, string) error, error) {
	secure, err := n.peersTLS()
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: secure, IdleConnTimeout: time.Minute}}
	return func(ctx context.Context, base string) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10))
		return errors.Join(err, resp.Body.Close())
	}, nil
}

// followProcessors tells the controller what is declared, until ctx ends.
func (n *Node) followProcessors(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-n.resources.service.Read():
	}
	state := n.resources.service.State()
	for {
		n.tellProcessors()
		next, err := n.resources.service.Next(ctx, state)
		if err != nil {
			return // ctx has ended
		}
		state = next
	}
}

// tellProcessors tells the controller what is declared of processors now: whoever is
// told last knows the most.
func (n *Node) tellProcessors() {
	n.processors.telling.Lock()
	defer n.processors.telling.Unlock()
	specs := map[string]control.Spec{}
	for _, r := range n.resources.service.State().Of(processor.Name) {
		s, err := control.ParseSpec(r.Spec)
		if err != nil {
			n.cfg.Logger.Error("what is declared of a processor cannot be read, and it runs as if nothing were", "processor", r.Metadata.Name, "error", err)
			continue
		}
		specs[r.Metadata.Name] = s
	}
	n.processors.control.Declare(specs, n.deduplications()...)
}

// currentProcessors tells the controller what is declared of processors as of now.
func (n *Node) currentProcessors(ctx context.Context) error {
	if err := n.resources.service.Current(ctx, n.processors.client); err != nil {
		return fmt.Errorf("what is declared: %w", err)
	}
	n.tellProcessors()
	return nil
}

// conflicts is how often a change is tried that somebody else was quicker with.
const conflicts = 5

// declareProcessor changes what is declared of a processor on behalf of a request.
func (n *Node) declareProcessor(w http.ResponseWriter, r *http.Request, name string, change func(*control.Spec) error) bool {
	var a *answer
	for range conflicts {
		put, err := n.changedProcessor(r, name, change)
		if err != nil {
			problem.Write(w, http.StatusConflict, err)
			return false
		}
		a = newAnswer()
		n.processors.declare.ServeHTTP(a, put)
		if a.status == http.StatusOK {
			return n.awaitProcessor(w, r, a)
		}
		if a.status != http.StatusPreconditionFailed {
			break
		}
		pause(r.Context(), 50*time.Millisecond)
	}
	a.copy(w)
	return false
}

// changedProcessor is the request that declares a processor as it is to be.
func (n *Node) changedProcessor(r *http.Request, name string, change func(*control.Spec) error) (*http.Request, error) {
	state := n.resources.service.State()
	if v := state.Get(resource.Key{Kind: deduplication.Name, Name: name}); v != nil {
		res := *v.Resource
		if err := changeDeduplication(&res, change); err != nil {
			return nil, err
		}
		return declaring(r, &res, v)
	}
	v := state.Get(resource.Key{Kind: processor.Name, Name: name})
	res := resource.Resource{APIVersion: resource.APIVersion, Kind: processor.Name, Metadata: resource.Metadata{Name: name}, Spec: json.RawMessage(`{}`)}
	if v != nil {
		res = *v.Resource
	}
	spec, err := control.ParseSpec(res.Spec)
	if err != nil {
		return nil, err
	}
	spec = n.processors.control.Complete(name, spec)
	if err := change(&spec); err != nil {
		return nil, err
	}
	if res.Spec, err = json.Marshal(spec); err != nil {
		return nil, err
	}
	return declaring(r, &res, v)
}

// declaring is the request, of who made r, that declares a resource in the place of a
// version of it, which is nil if there is none.
func declaring(r *http.Request, res *resource.Resource, before *resource.Version) (*http.Request, error) {
	text, err := json.Marshal(res)
	if err != nil {
		return nil, err
	}
	condition, value := "If-None-Match", "*"
	if before != nil {
		condition, value = "If-Match", strconv.Quote(strconv.FormatInt(before.Revision, 10))
	}
	put := r.Clone(r.Context())
	put.Method, put.Body, put.ContentLength = http.MethodPut, io.NopCloser(bytes.NewReader(text)), int64(len(text))
	put.URL.Path, put.URL.RawPath, put.URL.RawQuery = resource.Prefix+"/"+res.Key().String(), "", ""
	put.RequestURI = put.URL.RequestURI()
	put.Pattern = ""
	put.Header.Set(condition, value)
	put.Header.Set("Content-Type", "application/json")
	return put, nil
}

// awaitProcessor waits until this node does as was declared.
func (n *Node) awaitProcessor(w http.ResponseWriter, r *http.Request, a *answer) bool {
	revision, err := strconv.ParseInt(a.header.Get("Evident-Revision"), 10, 64)
	if err == nil {
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		if _, err = n.resources.service.Await(ctx, revision); err == nil {
			n.tellProcessors()
			return true
		}
	}
	problem.Write(w, http.StatusServiceUnavailable, fmt.Errorf("it is declared, and this node has not read it yet: %w", err))
	return false
}

// An answer is one of the node's own HTTP that is looked at before anybody gets it.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: http.Header{}, status: http.StatusOK} }

// Header is that of the answer.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader sets the status.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write adds to the body.
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// copy gives the answer to who asked.
func (a *answer) copy(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // a client that is gone needs no answer
}
