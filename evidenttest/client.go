package evidenttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Errors of connecting to a node.
var (
	// ErrDown says that the node has no power, or is being started again.
	ErrDown = errors.New("the node is down")
	// ErrKilled says that the client was killed.
	ErrKilled = errors.New("the client was killed")
)

// Client makes a client of the node and closes it at the end of the test. It finds the
// node again when that was started again. Its client id is "client-1" for the test's
// first, and so on, unless opts say otherwise.
func (n *Node) Client(opts ...kgo.Opt) *kgo.Client {
	n.t.Helper()
	d := &dialer{node: n}
	n.mu.Lock()
	n.mu.dialers = append(n.mu.dialers, d)
	id := fmt.Sprintf("client-%d", len(n.mu.dialers))
	n.mu.Unlock()
	c, err := n.newClient(d, append([]kgo.Opt{kgo.ClientID(id)}, opts...)...)
	if err != nil {
		n.t.Fatalf("making a client: %v", err)
	}
	n.t.Cleanup(c.Close)
	n.mu.Lock()
	defer n.mu.Unlock()
	d.client = c
	return c
}

func (n *Node) newClient(d *dialer, opts ...kgo.Opt) (*kgo.Client, error) {
	all := []kgo.Opt{kgo.SeedBrokers(host), kgo.Dialer(func(ctx context.Context, _, _ string) (net.Conn, error) { return d.dial(ctx) })}
	return kgo.NewClient(append(all, opts...)...)
}

// host is what clients call the node, wherever they are connected to.
const host = "embedded"

// Dial connects to the node, for a client of the Kafka protocol that is not franz-go's
// and can be given connections. It is closed with the node.
func (n *Node) Dial(ctx context.Context) (net.Conn, error) {
	up := n.running()
	if up == nil {
		return nil, ErrDown
	}
	return up.Dial(ctx)
}

// Kill ends a client of [Node.Client] as if its process had died: its connections break
// without goodbye, so that its groups wait for its session to end and its transactions
// for their timeouts. Calls of it return an error, such as [kgo.ErrClientClosed].
func (n *Node) Kill(c *kgo.Client) {
	n.t.Helper()
	d := n.dialerOf(c)
	if d == nil {
		n.t.Fatal("this is no client of the node: make it with Node.Client")
	}
	d.kill()
	c.Close()
}

func (n *Node) dialerOf(c *kgo.Client) *dialer {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range n.mu.dialers {
		if d.client == c {
			return d
		}
	}
	return nil
}

// dialer connects one client.
type dialer struct {
	node   *Node
	client *kgo.Client // set under the node's mu

	mu     sync.Mutex
	killed bool
	conns  []net.Conn
}

func (d *dialer) dial(ctx context.Context) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.killed {
		return nil, ErrKilled
	}
	conn, err := d.node.Dial(ctx)
	if err == nil {
		d.conns = append(d.conns, conn)
	}
	return conn, err
}

func (d *dialer) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.killed = true
	for _, c := range d.conns {
		c.Close() // of a pipe, and never fails
	}
}
