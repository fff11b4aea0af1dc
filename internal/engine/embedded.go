package engine

import (
	"context"
	"net"
	"sync"
)

// Embedded is the host name, and port, under which the embedded broker is known
// to clients inside the process.
const (
	EmbeddedHost = "embedded"
	EmbeddedPort = 9092
)

// ServeConn serves one connection of the Kafka protocol until it or ctx ends,
// and closes it.
type ServeConn func(ctx context.Context, conn net.Conn)

// embedded connects clients to the broker in this process.
type embedded struct {
	serve  ServeConn
	ctx    context.Context
	cancel context.CancelFunc

	mu struct {
		sync.Mutex
		closed bool
	}
	conns sync.WaitGroup
}

func newEmbedded(serve ServeConn) *embedded {
	e := &embedded{serve: serve}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// dial connects to the broker, whatever the address.
func (e *embedded) dial(ctx context.Context, _, _ string) (net.Conn, error) {
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

// close ends all connections and waits for them.
func (e *embedded) close() {
	e.mu.Lock()
	e.mu.closed = true
	e.mu.Unlock()
	e.cancel()
	e.conns.Wait()
}
