package registry

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
	"github.com/evidentlog/evident/internal/schema"
	"github.com/evidentlog/evident/internal/schema/registry/state"
)

const (
	// Topic is where schemas are kept.
	Topic = "_schemas"
	// Group is the consumer group of the nodes; who has the topic's partition writes.
	Group = "evident-schemas"
)

// Config says where schemas are kept, and by whom.
type Config struct {
	// Client makes clients of the cluster, with more options.
	Client func(...kgo.Opt) (*kgo.Client, error)
	// ReplicationFactor is how many replicas the topic gets; -1: as the cluster says.
	ReplicationFactor int16
	// Languages read schemas, one of each type.
	Languages []schema.Language
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
	// Metrics count what is read. Nil: nothing is counted.
	Metrics *Metrics
}

// A Registry follows what is registered, and writes it while it is this node's turn.
// Where nobody has registered anything it makes nothing on the cluster: no topic, and
// no group. It is safe for concurrent use.
type Registry struct {
	cfg       Config
	languages map[schema.Type]schema.Language
	parsed    cache
	turn      *turn.Turn
	writer    atomic.Pointer[writer] // nil while it is another node's turn
	wanted    signal                 // somebody wants to register something
	read      signal                 // what there was at the start was read

	mu struct {
		sync.Mutex
		state   *state.State
		end     int64         // offset behind what the state has
		changed chan struct{} // closed when end grows
		forms   forms         // of keys that another registry writes otherwise
		trouble error         // why this node could not write when it was last its turn
	}
}

// A signal is given once, and then stays.
type signal struct {
	once sync.Once
	c    chan struct{}
}

func newSignal() signal { return signal{c: make(chan struct{})} }

func (s *signal) give() { s.once.Do(func() { close(s.c) }) }

// New makes a registry. Run does the work.
func New(cfg Config) *Registry {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics()
	}
	r := &Registry{cfg: cfg, languages: map[schema.Type]schema.Language{}, wanted: newSignal(), read: newSignal()}
	for _, l := range cfg.Languages {
		r.languages[l.Type()] = l
	}
	r.mu.state, r.mu.changed, r.mu.forms = state.New(), make(chan struct{}), forms{}
	cfg.Metrics.size(func() (int, int) { return r.State().Size() })
	r.turn = turn.New(turn.Config{
		Client: cfg.Client, Group: Group, Topic: Topic, Instance: cfg.Instance, Address: cfg.Address,
		What: "the schema registry", Write: r.write, Logger: cfg.Logger,
	})
	return r
}

// Run follows, and writes when it is this node's turn, until ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	client, err := r.cfg.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	if !r.awaitTopic(ctx, client) {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.follow(ctx) })
	g.Go(func() error { r.readAll(ctx, client); return nil })
	if !r.cfg.ReadOnly {
		g.Go(func() error { return r.turn.Run(ctx) })
	}
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// State is what is registered, as far as this node has read.
func (r *Registry) State() *state.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.state
}

// Read is closed when all has been read that was registered when the node started.
func (r *Registry) Read() <-chan struct{} { return r.read.c }

// await waits until the record at an offset has been read.
func (r *Registry) await(ctx context.Context, offset int64) error {
	for {
		r.mu.Lock()
		end, changed := r.mu.end, r.mu.changed
		r.mu.Unlock()
		if end > offset {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("offset %d of %s has not been read yet, but %d: %w", offset, Topic, end-1, context.Cause(ctx))
		case <-changed:
		}
	}
}

// errReadOnly says that a node never writes.
var errReadOnly = errors.New("this node only reads what is registered: ask one that others can reach (--advertise-http), and that has their token (--http-token-file)")

// Writer waits until it is known who writes, and has the cluster made ready if nobody
// has registered anything yet. It returns the base URL of the node whose turn it is,
// empty if it is this one's. The error is [LeaderUnknown] if ctx ends before that, with
// the reason if this node knows one.
func (r *Registry) Writer(ctx context.Context) (base string, err error) {
	if r.cfg.ReadOnly {
		return "", Errorf(LeaderUnknown, "%w", errReadOnly)
	}
	r.wanted.give()
	base, err = r.turn.Writer(ctx, func() bool { return r.writer.Load() != nil })
	if err == nil {
		return base, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.trouble != nil {
		return "", Errorf(LeaderUnknown, "Leader not known: %w", r.mu.trouble)
	}
	return "", Errorf(LeaderUnknown, "Leader not known.")
}

func (r *Registry) setTrouble(err error) {
	r.mu.Lock()
	r.mu.trouble = err
	r.mu.Unlock()
}
