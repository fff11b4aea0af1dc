package registry

import (
	"context"
	"errors"
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
	wanted    *signal                // somebody wants to register something
	read      *signal                // what there was at the start was read

	mu struct {
		sync.Mutex
		reading *reading // what is read now
		shown   *reading // what everybody sees: the same, when it has caught up
		trouble error    // why this node could not write when it was last its turn
	}
}

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
	r.mu.shown = newReading([16]byte{})
	cfg.Metrics.size(func() (int, int) { return r.State().Size() })
	r.turn = turn.New(turn.Config{
		Client: cfg.Client, Group: Group, Topic: Topic, Instance: cfg.Instance, Address: cfg.Address,
		What: "the schema registry", Write: r.write, Logger: cfg.Logger,
	})
	return r
}

// Run follows, and writes when it is this node's turn, until ctx ends. Where the topic
// is made anew, or loses what was read, it reads it from the start again. It may be
// called again after an error.
func (r *Registry) Run(ctx context.Context) error {
	client, err := r.cfg.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		r.read.takeBack()
		topic, ok := r.awaitTopic(ctx, client)
		if !ok {
			return nil
		}
		err := r.live(ctx, client, newReading(topic))
		switch {
		case ctx.Err() != nil:
			return nil
		case !errors.Is(err, errAnew):
			return err
		}
		r.cfg.Logger.Error("schemas are read again from the start; what the topic has now is what is registered", "topic", Topic, "error", err)
		r.wanted.takeBack() // who makes the topic again may be about to
		r.turn.Seated()     // who wants to register something says so again
	}
}

// live follows a topic, and writes it when it is this node's turn, until ctx ends or the
// topic is another.
func (r *Registry) live(ctx context.Context, client *kgo.Client, rd *reading) error {
	r.mu.Lock()
	r.mu.reading = rd
	r.mu.Unlock()
	g, life := errgroup.WithContext(ctx)
	g.Go(func() error { return r.follow(life, rd) })
	g.Go(func() error { return rd.watch(life, client) })
	g.Go(func() error { r.readAll(life, client, rd); return nil })
	if !r.cfg.ReadOnly {
		g.Go(func() error { return r.turn.Run(life) })
	}
	return g.Wait()
}

// show lets everybody see a reading that has caught up.
func (r *Registry) show(rd *reading) {
	r.mu.Lock()
	r.mu.shown = rd
	r.mu.Unlock()
	r.read.give()
}

// State is what is registered, as far as this node has read.
func (r *Registry) State() *state.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.shown.state
}

// Read is closed when all has been read that was registered when the node started, or
// when the topic was made anew.
func (r *Registry) Read() <-chan struct{} { return r.read.wait() }

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
	base, err = r.turn.Writer(ctx, func() bool {
		r.wanted.give()
		return r.writer.Load() != nil
	})
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

// Trouble is why this node could not read or write when it last tried; nil if it could.
func (r *Registry) Trouble() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.trouble
}

func (r *Registry) setTrouble(err error) {
	r.mu.Lock()
	r.mu.trouble = err
	r.mu.Unlock()
}
