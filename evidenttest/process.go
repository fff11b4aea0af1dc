package evidenttest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Process is a program of the system that is tested, as far as the node knows it: the
// clients that are made by it. It can be killed without the test's own process.
type Process struct {
	node   *Node
	name   string
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	killed  bool
	away    bool // off the network
	conns   []net.Conn
	clients []*kgo.Client
}

// Process makes a process. Its name is the id of its clients, by which faults pick them.
func (n *Node) Process(name string) *Process {
	p := &Process{node: n, name: name}
	p.ctx, p.cancel = context.WithCancel(n.t.Context())
	return p
}

// Context ends when the process is killed, or else with the test. What runs in the
// process should end with it.
func (p *Process) Context() context.Context { return p.ctx }

// Options are those of the process's clients, for whoever makes them: a client of
// package client takes them by client.WithKafka.
func (p *Process) Options() []kgo.Opt {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return p.dial(ctx) }
	return []kgo.Opt{kgo.SeedBrokers(host), kgo.Dialer(dial), kgo.ClientID(p.name)}
}

// Client makes a client and closes it at the end of the test.
func (p *Process) Client(opts ...kgo.Opt) *kgo.Client {
	p.node.t.Helper()
	c, err := kgo.NewClient(append(p.Options(), opts...)...)
	if err != nil {
		p.node.t.Fatalf("making a client: %v", err)
	}
	p.node.t.Cleanup(c.Close)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clients = append(p.clients, c)
	return c
}

// Kill ends the process without warning: its connections break, and its clients can say
// no goodbye, so that its groups wait for its session to end and its transactions for
// their timeouts. Its context ends, and clients that [Process.Client] made are closed.
func (p *Process) Kill() {
	p.mu.Lock()
	p.killed = true
	conns, clients := p.conns, p.clients
	p.mu.Unlock()
	for _, c := range conns {
		c.Close() // of a pipe, and never fails
	}
	p.cancel()
	for _, c := range clients {
		c.Close()
	}
}

// Disconnect takes the process off the network until [Process.Connect]: its connections
// break, and it gets no others. Its programs go on, and are told that there is no way to
// the node. For a network that says nothing see [Hold].
func (p *Process) Disconnect() {
	p.mu.Lock()
	p.away = true
	conns := p.conns
	p.conns = nil
	p.mu.Unlock()
	for _, c := range conns {
		c.Close() // of a pipe, and never fails
	}
}

// Connect ends what Disconnect has begun.
func (p *Process) Connect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = false
}

func (p *Process) dial(ctx context.Context) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return nil, ErrKilled
	}
	if p.away {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
	}
	conn, err := p.node.Dial(ctx)
	if err == nil {
		p.conns = append(p.conns, conn)
	}
	return conn, err
}

// resetting is a connection that is reset when it breaks, as TCP's are. Clients take the
// end of one that has never answered for a sign that they are not welcome.
type resetting struct{ net.Conn }

// Read implements net.Conn.
func (c resetting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, io.EOF) {
		err = &net.OpError{Op: "read", Net: "pipe", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	return n, err
}
