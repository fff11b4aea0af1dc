package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/evidentlog/evident/internal/broker/wire"
)

const (
	// maxControlRequest bounds every request but Produce, whose bulk is records.
	maxControlRequest = 16 << 20
	// controlFactor is about how much memory a decoded request takes for each
	// byte of its encoding, at worst. Records are not decoded.
	controlFactor = 16
)

// Reasons why the broker closes a connection.
var (
	errTooLarge    = errors.New("request too large")
	errUnsupported = errors.New("unsupported request")
	errPanic       = errors.New("internal error")
)

// readLoop reads and starts requests until that fails.
func (c *conn) readLoop() error {
	for {
		p, err := c.awaitRequest()
		if err != nil {
			return err
		}
		if c.expired(p.key) {
			return errExpired
		}
		cl, err := c.admit(p)
		if err != nil {
			return err
		}
		if err := c.awaitTurn(cl.api); err != nil {
			return err
		}
		if err := c.endure(cl.api); err != nil {
			return err
		}
		if err := c.readCall(cl, p.size); err != nil {
			cl.done()
			return err
		}
		if err := c.begin(cl); err != nil {
			return err
		}
	}
}

// admit looks at what a request claims to be.
func (c *conn) admit(p prefix) (*call, error) {
	a := c.broker.api(p.key)
	limit := maxControlRequest
	if p.key == keyProduce {
		limit = c.broker.cfg.MaxRequestBytes
	}
	switch {
	case p.size < minRequest || p.size > c.broker.cfg.MaxRequestBytes:
		return nil, fmt.Errorf("%w: length is %d, must be %d to %d", errTooLarge, p.size, minRequest, c.broker.cfg.MaxRequestBytes)
	case a == nil:
		return nil, fmt.Errorf("%w: API key %d", errUnsupported, p.key)
	case p.size > limit:
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d are allowed", errTooLarge, a.name(), p.size, limit)
	case p.key != keyApiVersions && (p.version < a.min || p.version > a.max):
		return nil, fmt.Errorf("%w: %s version %d, supported are %d to %d", errUnsupported, a.name(), p.version, a.min, a.max)
	}
	return &call{conn: c, api: a, version: p.version}, nil
}

// readCall reads a request of size bytes and its header.
func (c *conn) readCall(cl *call, size int) error {
	if _, err := c.reader.Discard(4); err != nil {
		return err
	}
	raw, err := c.readBody(cl, size)
	if err != nil {
		return err
	}
	cl.received, cl.size = c.broker.cfg.Now(), size
	c.broker.metrics.received.Add(float64(size + 4))
	cl.flexible = cl.version >= cl.api.flexible
	if !cl.api.has(cl.version) { // only ApiVersions gets here: the rest is of a version that we cannot read
		cl.correlation, cl.flexible = parseCorrelation(raw), false
		return nil
	}
	h, err := parseHeader(raw, cl.flexible)
	if err != nil {
		return err
	}
	cl.correlation, cl.clientID, cl.body = h.correlation, string(h.clientID), h.body
	return nil
}

// readBody reads size bytes into memory that grows with what arrives: a
// length is only a claim. Memory that was used before may be taken at once.
func (c *conn) readBody(cl *call, size int) ([]byte, error) {
	if cl.api.key == keyProduce {
		return c.readPooled(cl, size)
	}
	body := make([]byte, min(size, minBuffer))
	for n := 0; ; {
		if err := c.readSome(cl, body[n:], controlFactor); err != nil {
			return nil, err
		}
		if n = len(body); n == size {
			return body, nil
		}
		body = append(make([]byte, 0, min(2*n, size)), body...)
		body = body[:cap(body)]
	}
}

// readPooled reads into a pooled buffer, which becomes the call's.
func (c *conn) readPooled(cl *call, size int) ([]byte, error) {
	pool := &c.broker.buffers
	if cl.buffer = pool.reuse(size); cl.buffer == nil {
		cl.buffer = pool.get(min(size, minBuffer))
	}
	for n := 0; ; {
		end := min(size, len(cl.buffer.b))
		if err := c.readSome(cl, cl.buffer.b[n:end], 1); err != nil {
			return nil, err
		}
		if n = end; n == size {
			return cl.buffer.b[:size:size], nil
		}
		larger := pool.get(min(2*n, size))
		copy(larger.b, cl.buffer.b)
		pool.put(cl.buffer)
		cl.buffer = larger
	}
}

// readSome fills b, charging each step before it is read.
func (c *conn) readSome(cl *call, b []byte, charge int64) error {
	for len(b) > 0 {
		step := min(len(b), stallBytes)
		if !c.broker.budget.take(&cl.hold, charge*int64(step)) {
			return errClosing
		}
		if err := c.readFull(b[:step]); err != nil {
			return err
		}
		b = b[step:]
	}
	return nil
}

func (c *conn) readFull(b []byte) (err error) {
	if len(b) > c.reader.Buffered() {
		err = c.net.SetReadDeadline(time.Now().Add(c.broker.cfg.StallTimeout))
	}
	if err == nil {
		_, err = io.ReadFull(c.reader, b)
	}
	switch {
	case err == nil:
		return nil
	case isTimeout(err):
		return fmt.Errorf("half a request, and nothing more for %v", c.broker.cfg.StallTimeout)
	case errors.Is(err, io.ErrUnexpectedEOF) || isGone(err):
		return fmt.Errorf("%w in the middle of a request", errGone)
	default:
		return err
	}
}

// begin queues a call and starts it if its kind is started by the reader.
func (c *conn) begin(cl *call) (err error) {
	c.broker.metrics.begun(cl.api)
	if err := c.enqueue(cl); err != nil {
		cl.done()
		return err
	}
	if cl.api.start == nil {
		return nil
	}
	defer c.recover(cl, &err)
	began := c.broker.quotaClock()
	err = cl.api.start(cl)
	cl.countTime(c.broker.quotaTime(began))
	return err
}

// recover turns a panic, the last line of defence, into the end of the
// connection.
func (c *conn) recover(cl *call, err *error) {
	if p := recover(); p != nil {
		c.broker.cfg.Logger.Error("request failed unexpectedly", "api", cl.api.name(), "version", cl.version,
			"client", cl.clientID, "remote", c.net.RemoteAddr(), "panic", p, "stack", string(debug.Stack()))
		*err = fmt.Errorf("%w: %s", errPanic, cl.api.name())
	}
}

// ended tells whether err is a reason that an operator need not hear of.
func ended(err error) bool {
	return errors.Is(err, errGone) || errors.Is(err, errIdle) || errors.Is(err, errClosing) ||
		errors.Is(err, context.Canceled)
}

// reason names why a connection ended, for the metrics.
func reason(err error) string {
	switch {
	case ended(err):
		return ""
	case errors.Is(err, wire.ErrMalformed):
		return "malformed"
	case errors.Is(err, errTooLarge):
		return "too_large"
	case errors.Is(err, errUnsupported):
		return "unsupported"
	case isUnknown(err):
		return "unauthenticated"
	case errors.Is(err, errExpired):
		return "session_expired"
	case errors.Is(err, errPanic):
		return "internal"
	}
	return "other"
}
