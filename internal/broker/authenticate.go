package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/auth"
)

const (
	keySaslHandshake    = 17
	keySaslAuthenticate = 36
	// maxUnknownBytes is the largest request of a client that is not known yet.
	maxUnknownBytes = 16 << 10
	// maxUnknownRequests is how many of them it may send.
	maxUnknownRequests = 16
)

// Reasons why the broker closes a connection that has to be authenticated.
var (
	errUnauthenticated = errors.New("not authenticated")
	errExpired         = errors.New("session expired without re-authentication")
)

// newSession is the state of the connection's authentication, nil on listeners
// that want none.
func (b *Broker) newSession(nc net.Conn, info ListenerInfo) *auth.Session {
	if len(info.SASL) == 0 {
		return nil
	}
	var from netip.Addr
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		from = tcp.AddrPort().Addr()
	}
	return b.realm.Session(info.SASL, from)
}

// authenticate finds out who the client is, where the listener wants to know. It
// serves what a client may ask before that, one request after the other.
func (c *conn) authenticate() (err error) {
	if c.info.Identify == nil && c.session == nil {
		return nil
	}
	patience := c.broker.cfg.AuthenticationTimeout
	late := time.AfterFunc(patience, func() { c.close(fmt.Errorf("%w within %v", errUnauthenticated, patience)) })
	defer late.Stop()
	if c.info.Identify != nil {
		if c.principal, err = c.info.Identify(c.ctx, c.net); err != nil {
			return fmt.Errorf("%w: %w", errUnauthenticated, err)
		}
	}
	if c.session == nil {
		return nil
	}
	w := c.newWriter()
	for range maxUnknownRequests {
		if err := c.serveUnknown(w); err != nil {
			return err
		}
		if c.session.Known() {
			c.principal = c.session.Principal()
			return nil
		}
	}
	return fmt.Errorf("%w after %d requests", errUnauthenticated, maxUnknownRequests)
}

// serveUnknown serves one message of a client that is not known yet.
func (c *conn) serveUnknown(w *frameWriter) error {
	if c.bare && c.session.Exchanging() {
		return c.serveToken()
	}
	p, err := c.awaitRequest()
	if err != nil {
		return err
	}
	cl, err := c.admitUnknown(p)
	if err != nil {
		return err
	}
	if err := c.readCall(cl, p.size); err != nil {
		cl.done()
		return err
	}
	c.broker.metrics.begun(cl.api)
	if err := c.respond(w, cl); err != nil {
		return err
	}
	return c.flush(w)
}

// admitUnknown is admit for a client that is not known yet.
func (c *conn) admitUnknown(p prefix) (*call, error) {
	cl, err := c.admit(p)
	switch {
	case err != nil:
		return nil, err
	case p.size > maxUnknownBytes:
		return nil, fmt.Errorf("%w: %d bytes before authentication, at most %d are allowed", errTooLarge, p.size, maxUnknownBytes)
	case p.key == keyApiVersions, p.key == keySaslHandshake, p.key == keySaslAuthenticate && c.session.Exchanging():
		return cl, nil
	}
	return nil, fmt.Errorf("%w: %s, where one of the SASL mechanisms %v must come first", errUnauthenticated, cl.api.name(), c.session.Mechanisms())
}

// serveToken serves what follows a handshake of version 0 (before KIP-152): a
// length and a message of the mechanism, answered alike. A failure is answered by
// closing the connection.
func (c *conn) serveToken() error {
	var head [4]byte
	if err := c.readFull(head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxUnknownBytes {
		return fmt.Errorf("%w: SASL message of %d bytes, at most %d are allowed", errTooLarge, size, maxUnknownBytes)
	}
	token := make([]byte, size)
	if err := c.readFull(token); err != nil {
		return err
	}
	reply, err := c.step(c.ctx, token)
	if err != nil {
		c.linger(c.ctx)
		return err
	}
	if err := c.net.SetWriteDeadline(time.Now().Add(c.broker.cfg.StallTimeout)); err != nil {
		return err
	}
	_, err = c.net.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(reply))), reply...))
	return err
}

// step gives the client's next message to its session.
func (c *conn) step(ctx context.Context, token []byte) ([]byte, error) {
	s := c.session
	reply, err := s.Step(ctx, token)
	var failed *auth.FailedError
	switch {
	case errors.As(err, &failed):
		c.broker.metrics.authentications.WithLabelValues(string(failed.Mechanism), "failed").Inc()
	case err == nil && !s.Exchanging():
		c.broker.metrics.authentications.WithLabelValues(string(s.Mechanism()), "ok").Inc()
		if at := s.Expires(); !at.IsZero() {
			c.expires.Store(at.UnixNano())
		}
	}
	return reply, err
}

// linger makes a client that failed wait, as Kafka does.
func (c *conn) linger(ctx context.Context) {
	timer := time.NewTimer(max(0, c.broker.cfg.FailedAuthenticationDelay))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// expired tells if the session has ended, so that the client may only prove again
// who it is. Called by the reader.
func (c *conn) expired(key int16) bool {
	at := c.expires.Load()
	return at != 0 && key != keySaslHandshake && key != keySaslAuthenticate && c.broker.cfg.Now().UnixNano() > at
}

// saslCode is the Kafka error code of an error of auth, and what the client is
// told of it.
func saslCode(err error) (*kerr.Error, string) {
	var failed *auth.FailedError
	switch {
	case errors.As(err, &failed):
		return kerr.SaslAuthenticationFailed, failed.Public
	case errors.Is(err, auth.ErrIllegalState):
		return kerr.IllegalSaslState, err.Error()
	case errors.Is(err, auth.ErrUnsupportedMechanism):
		return kerr.UnsupportedSaslMechanism, err.Error()
	}
	return kerr.UnknownServerError, "the node could not compute that"
}

// farewell is an answer after which the connection is closed.
type farewell struct {
	response
	why error
}

// part makes the farewell of a client that failed, after the time that it has to
// wait.
func (c *conn) part(ctx context.Context, resp kmsg.Response, why error) (answer, error) {
	c.linger(ctx)
	return farewell{response{resp}, why}, nil
}

func (f farewell) write(w *frameWriter, cl *call) error {
	if err := f.response.write(w, cl); err != nil {
		return err
	}
	if err := cl.conn.flush(w); err != nil {
		return err
	}
	return f.why
}

// isUnknown tells failures to authenticate from other reasons to close a
// connection.
func isUnknown(err error) bool {
	return errors.As(err, new(*auth.FailedError)) || errors.Is(err, auth.ErrIllegalState) || errors.Is(err, errUnauthenticated)
}
