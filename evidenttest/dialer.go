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
