package history

import (
	"context"
	"errors"
	"net"
	"sync"
)

// errCut is what a connection says that the test has broken.
var errCut = errors.New("connection cut by the test")

// A line is how one runtime's clients reach the broker. It can be held, so that the
// runtime is a zombie whose bytes come late, and cut.
type line struct {
	dial func(context.Context) (net.Conn, error)

	mu    sync.Mutex
	dead  bool
	held  chan struct{} // closed when bytes pass again; nil if they do
	conns map[*lineConn]struct{}
}

func newLine(dial func(context.Context) (net.Conn, error)) *line {
	return &line{dial: dial, conns: make(map[*lineConn]struct{})}
}

// connect is the clients' dialer.
func (l *line) connect(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := l.pass(ctx.Done()); err != nil {
		return nil, err
	}
	conn, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &lineConn{Conn: conn, line: l, closed: make(chan struct{}), budget: -1}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		conn.Close()
		return nil, errCut
	}
	l.conns[c] = struct{}{}
	return c, nil
}

// pass waits until bytes may pass, or done is closed.
func (l *line) pass(done <-chan struct{}) error {
	l.mu.Lock()
	held, dead := l.held, l.dead
	l.mu.Unlock()
	if dead {
		return errCut
	}
	if held == nil {
		return nil
	}
	select {
	case <-held:
		return nil
	case <-done:
		return net.ErrClosed
	}
}

// hold keeps all bytes where they are until the function it returns is called.
func (l *line) hold() (letGo func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil {
		return func() {}
	}
	held := make(chan struct{})
	l.held = held
	return func() {
		l.mu.Lock()
		l.held = nil
		l.mu.Unlock()
		close(held)
	}
}

// cutAfter breaks each connection when so many more bytes have been sent on it.
func (l *line) cutAfter(bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.mu.Lock()
		c.budget = bytes
		c.mu.Unlock()
	}
}

// kill breaks everything, for good.
func (l *line) kill() {
	l.mu.Lock()
	l.dead = true
	conns := l.conns
	l.conns = make(map[*lineConn]struct{})
	l.mu.Unlock()
	for c := range conns {
		c.Close()
	}
}

// lineConn is one connection of a line.
type lineConn struct {
	net.Conn
	line   *line
	once   sync.Once
	closed chan struct{}

	mu     sync.Mutex
	budget int // bytes that may still be sent; -1: any number
}

func (c *lineConn) Write(b []byte) (int, error) {
	if err := c.line.pass(c.closed); err != nil {
		return 0, err
	}
	n := c.allow(len(b))
	if n == len(b) {
		return c.Conn.Write(b)
	}
	n, _ = c.Conn.Write(b[:n])
	c.Close()
	return n, errCut
}

// allow is how many of n bytes may be sent.
func (c *lineConn) allow(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.budget < 0 {
		return n
	}
	n = min(n, c.budget)
	c.budget -= n
	return n
}

func (c *lineConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if held := c.line.pass(c.closed); held != nil {
		return 0, held
	}
	return n, err
}

func (c *lineConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.line.mu.Lock()
		delete(c.line.conns, c)
		c.line.mu.Unlock()
	})
	return c.Conn.Close()
}
