package process

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"
)

// Service runs processors on a node.
type Service struct {
	cfg Config

	mu struct {
		sync.Mutex
		runs map[string]*Run // by group
	}
}

// New makes a service, which runs nothing by itself. The error wraps [ErrInvalid].
func New(cfg Config) (*Service, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg}
	s.mu.runs = map[string]*Run{}
	return s, nil
}

// Run runs a version of a processor, with the other nodes that do so, until ctx ends:
// then it commits what is under way and returns nil. What keeps it from running, such as
// a cluster that is down, is tried again for ever; the only errors are about p, and wrap
// [ErrInvalid].
func (s *Service) Run(ctx context.Context, p Processor) error {
	return s.RunAdmitted(ctx, p, func(context.Context) error { return nil })
}

// RunAdmitted is [Service.Run] of a version that others may stop. Whenever the node has
// become a member of the version's group, and before it does anything as that, admit tells
// whether the version is still to run, as of now: so whoever stops it, and finds the group
// without members after that, knows that nobody will write for it any more, also not a node
// that was frozen meanwhile. An error ends the membership, and another one is begun.
func (s *Service) RunAdmitted(ctx context.Context, p Processor, admit func(context.Context) error) error {
	if err := p.Validate(); err != nil {
		return err
	}
	r := &Run{cfg: &s.cfg, p: p, admit: admit, policy: p.Policy.withDefaults(), seed: maphash.MakeSeed()}
	r.log = s.cfg.Logger.With("processor", p.Name, "version", p.Version)
	r.mu.tasks = map[int32]*task{}
	if err := s.add(r); err != nil {
		return err
	}
	defer s.remove(r)
	var err error
	if r.metrics, err = newMetrics(r); err != nil {
		return fmt.Errorf("%w: figures of %q: %w", ErrInvalid, p.Name, err)
	}
	defer r.metrics.registered.Close()
	for failures := 0; ; failures++ {
		began := time.Now()
		err := r.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > time.Minute {
			failures = 0
		}
		r.stands(err)
		r.log.Log(ctx, r.loudness(failures, err), "the processor begins anew", "error", err)
		pause(ctx, backoff(failures))
	}
}

// loudness is how loud it is said that a version could not go on.
func (r *Run) loudness(failures int, err error) slog.Level {
	if level := levelOf(failures); level < slog.LevelWarn || !forGood(err) {
		return level
	}
	return slog.LevelError
}

// Find is a version of a processor that runs on this node.
func (s *Service) Find(name string, version int) (*Run, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := Processor{Name: name, Version: version}
	r, ok := s.mu.runs[p.groupName()]
	return r, ok
}

func (s *Service) add(r *Run) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.runs[r.p.groupName()] != nil {
		return fmt.Errorf("%w: version %d of %q runs on this node already", ErrInvalid, r.p.Version, r.p.Name)
	}
	s.mu.runs[r.p.groupName()] = r
	return nil
}

func (s *Service) remove(r *Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.runs, r.p.groupName())
}
