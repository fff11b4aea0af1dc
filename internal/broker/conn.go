package broker

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/evidentlog/evident/internal/auth"
)

const (
	// readBuffer is what the reader takes off the socket ahead; small requests
	// fit, large ones go past it.
	readBuffer = 4 << 10
	// maxInFlight is how many requests of one connection may wait for their
	// answer.
	maxInFlight = 256
	// stallBytes is what Config.StallTimeout is the time for.
	stallBytes = 1 << 20
)

// conn is one client's connection.
type conn struct {
	broker *Broker
	net    net.Conn
	info   ListenerInfo
	ctx    context.Context // ends when the connection is closed
	cancel context.CancelCauseFunc
	reader *bufio.Reader // owned by the reader
	slots  chan struct{} // a token for each call in out

	// principal is set before the connection's two goroutines start, and stays.
	principal auth.Principal
	// session is nil on listeners without SASL; owned by run until the client is
	// known, then by the writer.
	session *auth.Session
	bare    bool         // SASL messages come without request headers; owned by run
	expires atomic.Int64 // when the session ends, in nanoseconds since 1970; 0: never

	out struct {
		mu     sync.Mutex
		calls  []*call // in the order of arrival; the first is next to be answered
		closed bool    // nothing is sent any more
	}
	rest rest          // the client used up a quota
	wake chan struct{} // the first call of out may have become ready; capacity 1
	idle chan struct{} // all calls have been answered; capacity 1

	// sessions are the fetch sessions last used here; owned by the writer.
	sessions map[int32]struct{}
	// shares says that share sessions may have been opened here; owned by the writer.
	shares bool
}

func newConn(b *Broker, nc net.Conn, info ListenerInfo) *conn {
	return &conn{
		broker: b, net: nc, info: info,
		principal: auth.Anonymous(), session: b.newSession(nc, info),
		rest:     rest{since: time.Now()},
		reader:   bufio.NewReaderSize(nc, readBuffer),
		slots:    make(chan struct{}, maxInFlight),
		wake:     make(chan struct{}, 1),
		idle:     make(chan struct{}, 1),
		sessions: make(map[int32]struct{}),
	}
}

// errGone says that the client closed the connection.
var errGone = errors.New("closed by client")

// run serves the connection until either side closes it, and returns why.
func (c *conn) run() error {
	stop := context.AfterFunc(c.ctx, func() { c.net.Close() })
	defer stop()
	if err := c.authenticate(); err != nil {
		c.close(err)
		return context.Cause(c.ctx)
	}
	var writer sync.WaitGroup
	writer.Go(func() { c.close(c.writeLoop()) })
	c.close(c.readLoop())
	writer.Wait()
	c.dropAll()
	c.broker.sessions.removeAll(c.sessions)
	if c.shares {
		c.broker.queues.Disconnected(c)
	}
	return context.Cause(c.ctx)
}

// close ends the connection; the first reason counts.
func (c *conn) close(why error) {
	c.cancel(why)
	c.net.Close()
}

// dropAll releases calls that will not be answered. Those that were started and
// have no answer yet are released when they get one.
func (c *conn) dropAll() {
	c.out.mu.Lock()
	calls := c.out.calls
	c.out.calls, c.out.closed = nil, true
	var answers []answer
	for _, cl := range calls {
		if cl.answer != nil {
			answers = append(answers, cl.answer)
		}
	}
	c.out.mu.Unlock()
	for _, a := range answers {
		a.drop()
	}
	for _, cl := range calls {
		if cl.api.handle != nil {
			cl.done()
		}
	}
}

// reply gives the answer to a call that was started. It may be called from any
// goroutine, once, and does not wait.
func (cl *call) reply(a answer) {
	c := cl.conn
	c.out.mu.Lock()
	closed := c.out.closed
	cl.answer = a
	if len(c.out.calls) > 0 && c.out.calls[0] == cl {
		c.signal()
	}
	c.out.mu.Unlock()
	if closed {
		a.drop()
	}
}

func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// enqueue gives the call its place among the answers, waiting while there are
// too many.
func (c *conn) enqueue(cl *call) error {
	select {
	case c.slots <- struct{}{}:
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.calls = append(c.out.calls, cl)
	if len(c.out.calls) == 1 && cl.api.handle != nil {
		c.signal()
	}
	return nil
}

// busy tells if any call waits for its answer.
func (c *conn) busy() bool { return len(c.slots) > 0 }

// answered takes a call that was answered out of those that wait.
func (c *conn) answered() {
	<-c.slots
	if c.busy() {
		return
	}
	select {
	case c.idle <- struct{}{}:
	default:
	}
}

// awaitTurn waits in the reader until a request of that kind is to be read. What the
// writer handles is not read before all else has been answered, as in Kafka: a client
// decides how long a Fetch or a JoinGroup waits, and what is behind it must not hold
// memory that others need meanwhile.
func (c *conn) awaitTurn(a *api) error {
	for a.handle != nil && c.busy() {
		select {
		case <-c.idle:
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		}
	}
	return nil
}

// isTimeout tells a deadline from other errors of a connection.
func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// isGone tells if err is nothing but the client's going away.
func isGone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) || isReset(err)
}

// awaitRequest waits for the first bytes of a request.
func (c *conn) awaitRequest() (prefix, error) {
	for {
		err := c.net.SetReadDeadline(time.Now().Add(c.broker.cfg.IdleTimeout))
		var b []byte
		if err == nil {
			b, err = c.reader.Peek(prefixBytes)
		}
		switch {
		case err == nil:
			return parsePrefix(b), nil
		case isTimeout(err) && len(b) == 0 && c.busy():
		case isTimeout(err):
			return prefix{}, errIdle
		case isGone(err):
			return prefix{}, errGone
		default:
			return prefix{}, err
		}
	}
}

var errIdle = errors.New("idle for too long")

// isReset tells that the client closed the connection while there was
// something under way.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
