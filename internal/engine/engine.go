// Package engine gives the rest of the product a franz-go client that is
// configured for the broker in use: the embedded one, over a connection inside
// the process, without a TCP port.
//
// It does not wrap the client. What can be done with Kafka is done with
// franz-go's own API.
package engine

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Embedded is the host name, and port, under which the embedded broker is known
// to clients inside the process.
const (
	EmbeddedHost = "embedded"
	EmbeddedPort = 9092
)

// ErrClosed says that the engine has been closed.
var ErrClosed = errors.New("engine is closed")

// ServeConn serves one connection of the Kafka protocol until it or ctx ends,
// and closes it.
type ServeConn func(ctx context.Context, conn net.Conn)

// Engine makes clients of the embedded broker.
type Engine struct {
	serve  ServeConn
	ctx    context.Context
	cancel context.CancelFunc

	mu struct {
		sync.Mutex
		closed bool
	}
	conns sync.WaitGroup
}

// New makes an engine whose connections serve answers.
func New(serve ServeConn) *Engine {
	e := &Engine{serve: serve}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// Client makes a client of the broker. opts are added to, and win over, what
// the engine sets. The caller closes the client.
func (e *Engine) Client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(EmbeddedHost),
		kgo.Dialer(e.dial),
	}, opts...)...)
}

// dial connects to the embedded broker, whatever the address.
func (e *Engine) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.closed {
		return nil, ErrClosed
	}
	client, server := net.Pipe()
	e.conns.Go(func() { e.serve(e.ctx, server) })
	return client, nil
}

// Close ends all connections and waits for them.
func (e *Engine) Close() {
	e.mu.Lock()
	e.mu.closed = true
	e.mu.Unlock()
	e.cancel()
	e.conns.Wait()
}
