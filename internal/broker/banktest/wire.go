package banktest

import (
	"context"
	"errors"
	"net"
	"sync"
)

// wire is all connections of one client. It can be cut, which is how a process
// that is killed looks from outside, or be frozen for a while, as if the process
// had been paused.
type wire struct {
	mu     sync.Mutex
	conns  []net.Conn
	cut    bool
	thawed chan struct{} // closed when a freeze ends; nil: not frozen
}

var errCut = errors.New("the client has been killed")

func (w *wire) dial(ctx context.Context, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	w.pass()
	c, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		c.Close()
		return nil, errCut
	}
	w.conns = append(w.conns, c)
	return &wired{c, w}, nil
}

// kill cuts all connections, for good.
func (w *wire) kill() {
	w.thaw()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for _, c := range w.conns {
		c.Close()
	}
}

// freeze stops everything, until thaw.
func (w *wire) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.thawed == nil {
		w.thawed = make(chan struct{})
	}
}

func (w *wire) thaw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.thawed != nil {
		close(w.thawed)
		w.thawed = nil
	}
}

// pass waits while the wire is frozen.
func (w *wire) pass() {
	w.mu.Lock()
	thawed := w.thawed
	w.mu.Unlock()
	if thawed != nil {
		<-thawed
	}
}

// wired is one connection.
type wired struct {
	net.Conn
	wire *wire
}

func (c *wired) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wire.pass()
	return n, err
}

func (c *wired) Write(b []byte) (int, error) {
	c.wire.pass()
	return c.Conn.Write(b)
}
