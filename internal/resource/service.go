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

	"github.com/evidentlog/evident/internal/engine/turn"
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
	// ReadOnly makes the node follow only: it is no member of the group.
	ReadOnly bool
	// Now is the clock. Nil: the machine's.
	Now func() time.Time
	// Logger is told what an operator should know.
	Logger *slog.Logger
}

// A Service follows what is declared, and writes it while it is this node's turn.
// Where nobody has declared anything it makes nothing on the cluster: no topic, and
// no group.
type Service struct {
	cfg    Config
	turn   *turn.Turn
	writer atomic.Pointer[writer] // nil while it is another node's turn
	wanted *signal                // somebody wants to declare something
	read   *signal                // what there was at the start was read

	patience time.Duration // how long a transaction may take

	mu struct {
		sync.Mutex
		state   *State
		changed chan struct{} // closed when state is replaced
	}
}

// A signal is given once, and then stays.
type signal struct {
	once sync.Once
	c    chan struct{}
}

func newSignal() *signal { return &signal{c: make(chan struct{})} }

func (s *signal) give() { s.once.Do(func() { close(s.c) }) }

// New makes a service. Run does the work.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Service{cfg: cfg, wanted: newSignal(), read: newSignal(), patience: writePatience}
	s.mu.state, s.mu.changed = newState(topicID{}, 0), make(chan struct{})
	s.turn = turn.New(turn.Config{
		Client: cfg.Client, Group: Group, Topic: Topic, Instance: cfg.Instance, Address: cfg.Address,
		What: "what is declared", Write: s.write, Logger: cfg.Logger,
	})
	return s
}

// Run follows, and writes when it is this node's turn, until ctx ends. Where the topic
// was cut back, or is another of its name, that begins once more.
func (s *Service) Run(ctx context.Context) error {
	client, err := s.cfg.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	for s.awaitTopic(ctx, client) {
		err := s.runLog(ctx, client)
		switch {
		case ctx.Err() != nil:
			return nil
		case !errors.Is(err, errOtherLog):
			return err
		}
		s.cfg.Logger.Error("the topic of what is declared is read again from its beginning; what it has now is what is declared", "topic", Topic, "reason", err)
		rest(ctx)
	}
	return nil
}

// runLog follows one log, and writes it. A turn ends with the log that it is for, and
// begins when that was read.
func (s *Service) runLog(ctx context.Context, client *kgo.Client) error {
	l, err := s.findLog(ctx, client)
	if err != nil {
		return err
	}
	g, running := errgroup.WithContext(ctx) // which is over when Wait returns; ctx is not
	whole := newSignal()
	g.Go(func() error { return s.follow(running, l, whole.give) })
	g.Go(func() error { return s.watch(running, client, l) })
	if !s.cfg.ReadOnly {
		g.Go(func() error {
			select {
			case <-running.Done():
				return nil
			case <-whole.c:
				return s.turn.Run(running)
			}
		})
	}
	return g.Wait()
}

// State is what is declared, as far as this node has read.
func (s *Service) State() *State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.state
}

// Read is closed when all has been read that was declared when the node started.
func (s *Service) Read() <-chan struct{} { return s.read.c }

// Await returns the first state in which the record at an offset has its place.
func (s *Service) Await(ctx context.Context, offset int64) (*State, error) {
	state, err := s.await(ctx, func(have *State) bool { return have.End > offset })
	if err != nil {
		return nil, fmt.Errorf("revision %d has not been read yet, but %d: %w", offset, state.End-1, err)
	}
	return state, nil
}

// Next returns the first state that is another than one from before. It may end before
// that: then it is of another log, whose offsets begin anew. The error is why ctx ended.
func (s *Service) Next(ctx context.Context, before *State) (*State, error) {
	return s.await(ctx, func(have *State) bool { return have != before })
}

// await returns the first state that is enough, or the last one and why ctx ended.
func (s *Service) await(ctx context.Context, enough func(*State) bool) (*State, error) {
	for {
		s.mu.Lock()
		state, changed := s.mu.state, s.mu.changed
		s.mu.Unlock()
		if enough(state) {
			return state, nil
		}
		select {
		case <-ctx.Done():
			return state, context.Cause(ctx)
		case <-changed:
		}
	}
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

// Writer waits until it is known who writes, and has the cluster made ready for
// declarations if nobody has declared anything yet. It returns the base URL of the
// node whose turn it is, empty if it is this one's. The error is [ErrNotWriter] if
// ctx ends before that.
func (s *Service) Writer(ctx context.Context) (base string, err error) {
	s.wanted.give()
	base, err = s.turn.Writer(ctx, func() bool { return s.writer.Load() != nil })
	if err != nil {
		return "", ErrNotWriter
	}
	return base, nil
}
