package resource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/evidentlog/evident/internal/engine/peers"
)

// Config says where resources are kept, and by whom.
type Config struct {
	// Client makes clients of the cluster, with more options.
	Client func(...kgo.Opt) (*kgo.Client, error)
	// ReplicationFactor is how many replicas the topic gets; -1: as the cluster says.
	ReplicationFactor int16
	// Kinds are those that can be declared.
	Kinds *Kinds
	// Source names the deployment in the records, a URI-reference.
	Source string
	// Instance is the node's own name in the group of nodes, and the same after a
	// restart (Kafka: group.instance.id).
	Instance string
	// Address is the base URL under which other nodes reach this one; empty: they
	// do not, and it cannot be the writer for them.
	Address string
	// Now is the clock. Nil: the machine's.
	Now func() time.Time
	// Logger is told what an operator should know.
	Logger *slog.Logger
}

// A Service follows what is declared, and writes it while it is this node's turn.
type Service struct {
	cfg    Config
	view   *peers.View
	writer atomic.Pointer[writer] // nil while it is another node's turn

	mu struct {
		sync.Mutex
		state   *State
		changed chan struct{} // closed when state is replaced
	}
}

// New makes a service. Run does the work.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Service{cfg: cfg, view: peers.NewView(cfg.Address)}
	s.mu.state, s.mu.changed = newState(), make(chan struct{})
	return s
}

// Run follows, and writes when it is this node's turn, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if err := s.makeTopic(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.follow(ctx) })
	g.Go(func() error { return s.lead(ctx) })
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// State is what is declared, as far as this node has read.
func (s *Service) State() *State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.state
}

// Await returns the first state in which the record at an offset has its place.
func (s *Service) Await(ctx context.Context, offset int64) (*State, error) {
	for {
		s.mu.Lock()
		state, changed := s.mu.state, s.mu.changed
		s.mu.Unlock()
		if state.End > offset {
			return state, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("revision %d has not been read yet, but %d: %w", offset, state.End-1, context.Cause(ctx))
		case <-changed:
		}
	}
}

// Changed is closed when the state is another than the one given.
func (s *Service) Changed(than *State) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.state != than {
		c := make(chan struct{})
		close(c)
		return c
	}
	return s.mu.changed
}

func (s *Service) publish(next *State) {
	s.mu.Lock()
	s.mu.state = next
	close(s.mu.changed)
	s.mu.changed = make(chan struct{})
	s.mu.Unlock()
}

// ErrNotWriter says that it is another node's turn to write, or nobody's yet.
var ErrNotWriter = errors.New("another node writes what is declared")

// Writer is the base URL of the node whose turn it is to write; false if that is
// not known, or it is this node's.
func (s *Service) Writer() (string, bool) {
	if s.writer.Load() != nil {
		return "", false
	}
	address, ok := s.view.Owner(Topic, 0)
	return address, ok && address != s.cfg.Address
}
