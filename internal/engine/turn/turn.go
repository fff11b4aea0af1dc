// Package turn lets one node at a time write a topic, on any cluster: nodes are members
// of a consumer group, and it is the turn of the one that has the topic's partition 0.
// All of them know where that one is reached by HTTP.
//
// A turn keeps nobody from writing who believes that it is still his: what is written
// has to be fenced by its writer, with a producer's epoch.
package turn

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/engine/peers"
)

const (
	// session is how long a writer may be silent before it is another's turn.
	session = 10 * time.Second
	// retryAfter is how long a turn rests after an error.
	retryAfter = 500 * time.Millisecond
)

// ErrUnknown says that it is not known whose turn it is.
var ErrUnknown = errors.New("it is another node's turn to write, or nobody's yet")

// Config says which nodes take turns at what.
type Config struct {
	// Client makes clients of the cluster, with more options.
	Client func(...kgo.Opt) (*kgo.Client, error)
	// Group is the consumer group of the nodes, Topic what they take turns at.
	Group, Topic string
	// Instance is the node's own name in the group, and the same after a restart
	// (Kafka: group.instance.id).
	Instance string
	// Address is the base URL under which other nodes reach this one; empty: they
	// do not.
	Address string
	// What names, in messages, what is written.
	What string
	// Write is one turn: it lasts until ctx ends, or until it is over with an error,
	// after which it is tried again. What it has begun may go on until life ends. It
	// calls Seated when it takes requests, and when it does not any more. member is
	// of the group.
	Write func(ctx, life context.Context, member *kgo.Client) error
	// Logger is told what an operator should know.
	Logger *slog.Logger
}

// A Turn is one node's part in taking turns. It is safe for concurrent use.
type Turn struct {
	cfg  Config
	view *peers.View

	mu struct {
		sync.Mutex
		seat chan struct{} // closed when it may be another node's turn
	}
}

// New makes a node's part. Run does the work.
func New(cfg Config) *Turn {
	t := &Turn{cfg: cfg, view: peers.NewView(cfg.Address)}
	t.mu.seat = make(chan struct{})
	t.view.OnChange(t.Seated)
	return t
}

// Seated wakes who waits for a writer.
func (t *Turn) Seated() {
	t.mu.Lock()
	close(t.mu.seat)
	t.mu.seat = make(chan struct{})
	t.mu.Unlock()
}

// Changed is closed when it may be another node's turn than now.
func (t *Turn) Changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.seat
}

// Writer waits until it is known who writes. It returns the base URL of the node whose
// turn it is, empty if it is this one's, which ready tells. The error is [ErrUnknown]
// if ctx ends before that.
func (t *Turn) Writer(ctx context.Context, ready func() bool) (base string, err error) {
	for {
		seat := t.Changed()
		if ready() {
			return "", nil
		}
		if address, ok := t.view.Owner(t.cfg.Topic, 0); ok && address != t.cfg.Address {
			return address, nil
		}
		select {
		case <-ctx.Done():
			return "", ErrUnknown
		case <-seat:
		}
	}
}

func rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(retryAfter):
	}
}
