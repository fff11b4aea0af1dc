// Package engine gives the rest of the product a franz-go client that is
// configured for the broker in use: the embedded one, over a connection inside
// the process, without a TCP port; or a Kafka cluster that somebody else runs.
//
// It does not wrap the client. What can be done with Kafka is done with
// franz-go's own API; what only some clusters can do, [Capabilities] tell.
package engine

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrClosed says that the engine has been closed.
var ErrClosed = errors.New("engine is closed")

// Engine makes clients of one cluster.
type Engine struct {
	options  []kgo.Opt
	embedded *embedded // nil: somebody else's cluster
	remote   *remote   // nil: the embedded broker

	mu struct {
		sync.Mutex
		client *kgo.Client   // the engine's own, once it needs one
		probed *Capabilities // nil until the cluster has answered
		closed bool
	}
}

// New makes an engine of the embedded broker, whose connections serve answers.
func New(serve ServeConn) *Engine {
	e := newEmbedded(serve)
	return &Engine{
		options:  []kgo.Opt{kgo.SeedBrokers(EmbeddedHost), kgo.Dialer(e.dial)},
		embedded: e,
	}
}

// Client makes a client. opts are added to, and win over, what the engine sets.
// The caller closes the client.
func (e *Engine) Client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(e.Options(), opts...)...)
}

// Dial connects to the embedded broker.
func (e *Engine) Dial(ctx context.Context) (net.Conn, error) {
	if e.embedded == nil {
		return nil, errors.New("the engine has no broker of its own")
	}
	return e.embedded.dial(ctx, "", "")
}

// Options are the options that every client of the engine has.
func (e *Engine) Options() []kgo.Opt {
	return append([]kgo.Opt(nil), e.options...)
}

// ReplicationFactor is how many replicas a topic is to be created with; -1
// leaves it to the cluster (KIP-464).
func (e *Engine) ReplicationFactor() int16 {
	if e.remote == nil || e.remote.cfg.ReplicationFactor == 0 {
		return -1
	}
	return e.remote.cfg.ReplicationFactor
}

// own is the engine's own client, for what it asks itself.
func (e *Engine) own() (*kgo.Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.closed {
		return nil, ErrClosed
	}
	if e.mu.client != nil {
		return e.mu.client, nil
	}
	client, err := e.Client()
	if err == nil {
		e.mu.client = client
	}
	return client, err
}

// Close ends the engine's own connections, and all to the embedded broker, and
// waits for them. Clients of a cluster are their owners' to close.
func (e *Engine) Close() {
	e.mu.Lock()
	client := e.mu.client
	e.mu.closed, e.mu.client = true, nil
	e.mu.Unlock()
	if client != nil {
		client.Close()
	}
	if e.embedded != nil {
		e.embedded.close()
	}
}
