// Package control has the processors run that the program has code for, as far as it is
// declared that they are to: which versions, whether they are paused, and whose outputs
// count.
//
// How they run is not its matter, nor how something is declared.
package control

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
)

// A Spec is what is declared of a processor: the spec of the kind Processor.
type Spec struct {
	// Paused: no version runs.
	Paused bool `json:"paused,omitempty"`
	// Active is the version whose outputs count; 0: the only one, or the code's own.
	Active int `json:"active,omitempty"`
	// Versions are those that run; none: the code's own.
	Versions []Version `json:"versions,omitempty"`
}

// A Version is one of a processor's that is to run.
type Version struct {
	Version int `json:"version"`
	// From is where it begins: "start", "latest" or a time (RFC 3339). Empty: as the
	// code says.
	From   string `json:"from,omitempty"`
	Paused bool   `json:"paused,omitempty"`
	// Continues is the version from whose last positions on its outputs count; 0: all do.
	Continues int `json:"continues,omitempty"`
	// At are these positions: by topic the offset for each partition. Nil: the group of the
	// version still has them.
	At map[string][]int64 `json:"at,omitempty"`
	// Fired is up to when that version's timers have fired, by task.
	Fired []process.Cut `json:"fired,omitempty"`
}

// Runner runs a version until ctx ends; it asks before anything counts whether it is to.
type Runner interface {
	RunAdmitted(ctx context.Context, p process.Processor, admit func(context.Context) error) error
}

// Config is what a Controller works with.
type Config struct {
	Runner Runner
	// Processors are those that the program has code for. Of one name there may be
	// several versions.
	Processors []process.Processor
	// Client asks the cluster for positions. It is the caller's.
	Client *kgo.Client
	// Current waits until [Controller.Declare] was told what is declared as of now. Nil:
	// it always was.
	Current func(ctx context.Context) error
	// Logger receives what an operator should know. It must be set.
	Logger *slog.Logger
}

// Controller is safe for concurrent use.
type Controller struct {
	cfg     Config
	program codes // of cfg
	change  chan struct{}

	mu struct {
		sync.Mutex
		code  codes           // the program's, and what is declared
		specs map[string]Spec // nil before it is known what is declared
		runs  map[key]*running
	}
}

// key is a version of a processor.
type key struct {
	name    string
	version int
}

// running is a version that runs.
type running struct {
	as   plan
	stop context.CancelFunc
	done chan struct{}
	err  error // why it ended by itself; set before done is closed
}

// New makes a controller. The error is about a processor, or two that have one name and
// version.
func New(cfg Config) (*Controller, error) {
	if cfg.Current == nil {
		cfg.Current = func(context.Context) error { return nil }
	}
	c := &Controller{cfg: cfg, change: make(chan struct{}, 1)}
	c.mu.runs = map[key]*running{}
	for _, p := range cfg.Processors {
		if err := c.program.add(Code{Processor: p}); err != nil {
			return nil, err
		}
	}
	c.mu.code = c.program
	return c, nil
}

// Declare says what is declared now of the program's processors, by name, and which other
// ones are. Nothing runs before it was called. One that has the name of the program's own,
// or that cannot be, is said, and does not run.
func (c *Controller) Declare(specs map[string]Spec, declared ...Code) {
	specs, code := maps.Clone(specs), c.program.clone()
	for _, d := range declared {
		err := c.program.without(d.Name)
		if err == nil {
			err = code.add(d)
		}
		if err != nil {
			c.cfg.Logger.Error("a processor that is declared does not run", "processor", d.Name, "version", d.Version, "error", err)
			continue
		}
		specs[d.Name] = d.Spec
	}
	c.mu.Lock()
	c.mu.specs, c.mu.code = specs, code
	c.mu.Unlock()
	select {
	case c.change <- struct{}{}:
	default:
	}
}

// ParseSpec reads a spec.
func ParseSpec(text json.RawMessage) (s Spec, err error) {
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("spec of a processor: %w", err)
	}
	return s, nil
}

// Spec is what holds for a processor, whole: what is declared, and defaults.
func (c *Controller) Spec(name string) Spec {
	c.mu.Lock()
	s := c.mu.specs[name]
	c.mu.Unlock()
	return c.Complete(name, s)
}

// Complete adds to what is declared what holds otherwise.
func (c *Controller) Complete(name string, s Spec) Spec {
	s.Versions = slices.Clone(s.Versions)
	if len(s.Versions) == 0 {
		p, _ := c.Code(name, s.Active)
		s.Versions = []Version{{Version: p.Version}}
	}
	if s.Active == 0 {
		s.Active = s.Versions[0].Version
	}
	return s
}

// known tells whether it is known what is declared.
func (c *Controller) known() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.specs != nil
}

// Run has the processors run, as it is declared, until ctx ends and they have stopped.
func (c *Controller) Run(ctx context.Context) error {
	defer c.settle(map[key]plan{}, ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.change:
			if c.known() {
				c.settle(c.wanted(), ctx)
			}
		}
	}
}

// wanted are the versions that are to run.
func (c *Controller) wanted() map[key]plan {
	all := map[key]plan{}
	for _, name := range c.Names() {
		s := c.Spec(name)
		for _, v := range s.Versions {
			if !s.Paused && !v.Paused {
				code, _ := c.code(name, v.Version)
				all[key{name, v.Version}] = plan{Version: v, withheld: v.Version != s.Active, mark: code.Mark}
			}
		}
	}
	return all
}

// settle stops what is not to run, or not so, and starts what is.
func (c *Controller) settle(wanted map[key]plan, ctx context.Context) {
	var stopped []*running
	c.mu.Lock()
	for k, r := range c.mu.runs {
		if as, still := wanted[k]; !still || !as.equal(r.as) {
			r.stop()
			delete(c.mu.runs, k)
			stopped = append(stopped, r)
		}
	}
	c.mu.Unlock()
	for _, r := range stopped {
		<-r.done
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, as := range wanted {
		if c.mu.runs[k] == nil && ctx.Err() == nil {
			c.mu.runs[k] = c.start(ctx, k, as)
		}
	}
}

// start runs a version.
func (c *Controller) start(ctx context.Context, k key, as plan) *running {
	ctx, cancel := context.WithCancel(ctx)
	r := &running{as: as, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		defer cancel()
		if r.err = c.run(ctx, k, as); r.err != nil && ctx.Err() == nil {
			c.cfg.Logger.Error("a processor does not run", "processor", k.name, "version", k.version, "error", r.err)
		}
	}()
	return r
}

// Failed is why a version that is to run does not; nil if it does.
func (c *Controller) Failed(name string, version int) error {
	c.mu.Lock()
	r := c.mu.runs[key{name, version}]
	c.mu.Unlock()
	if r == nil {
		return nil
	}
	select {
	case <-r.done:
		return r.err
	default:
		return nil
	}
}
