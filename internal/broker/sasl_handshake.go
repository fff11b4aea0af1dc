package broker

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/auth"
)

// saslHandshake begins an exchange with the mechanism that the client wants, and
// tells which there are. After version 0 the client's messages come without
// request headers.
func (b *Broker) saslHandshake(ctx context.Context, c *call) (answer, error) {
	var req kmsg.SASLHandshakeRequest
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	resp := reply[*kmsg.SASLHandshakeResponse](&req)
	err := c.beginExchange(&req)
	if s := c.conn.session; s != nil {
		for _, m := range s.Mechanisms() {
			resp.SupportedMechanisms = append(resp.SupportedMechanisms, string(m))
		}
	}
	if err == nil {
		return response{resp}, nil
	}
	code, _ := saslCode(err)
	resp.ErrorCode = code.Code
	if errors.Is(err, auth.ErrIllegalState) && !c.conn.known() {
		return c.conn.part(ctx, resp, err)
	}
	return response{resp}, nil // the client may ask for another mechanism
}

func (c *call) beginExchange(req *kmsg.SASLHandshakeRequest) error {
	s := c.conn.session
	if s == nil || s.Known() && req.Version == 0 { // bare messages end with the authentication
		return auth.ErrIllegalState
	}
	c.conn.bare = req.Version == 0
	return s.Begin(req.Mechanism)
}

// known tells if nothing more has to be proven.
func (c *conn) known() bool { return c.session == nil || c.session.Known() }
