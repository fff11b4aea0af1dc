package evidenttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Errors of connecting to a node.
var (
	// ErrDown says that the node has no power, or is being started again.
	ErrDown = errors.New("the node is down")
	// ErrKilled says that the process was killed.
	ErrKilled = errors.New("the process was killed")
)

// host is what clients call the node, wherever they are connected to.
const host = "embedded"

// Client makes a client of the node and closes it at the end of the test. It finds the
// node again when that was started again. Its client id is "client-1" for the test's
// first, and so on, unless opts say otherwise.
func (n *Node) Client(opts ...kgo.Opt) *kgo.Client {
	n.t.Helper()
	n.mu.Lock()
	n.mu.clients++
	p := n.Process(fmt.Sprintf("client-%d", n.mu.clients))
	n.mu.Unlock()
	return p.Client(opts...)
}

// Dial connects to the node, for a client of the Kafka protocol that is not franz-go's
// and can be given connections. The connection is closed with the node.
func (n *Node) Dial(ctx context.Context) (net.Conn, error) {
	up := n.running()
	if up == nil {
		refused := os.NewSyscallError("connect", syscall.ECONNREFUSED) // what clients expect
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: errors.Join(ErrDown, refused)}
	}
	conn, err := up.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return resetting{conn}, nil
}
