package broker

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/auth"
)

// saslAuthenticate takes the next message of the mechanism (KIP-152). The last
// response says how long the session is good for (KIP-368).
func (b *Broker) saslAuthenticate(ctx context.Context, c *call) (answer, error) {
	var req kmsg.SASLAuthenticateRequest
	if err := c.decode(&req); err != nil {
		return nil, err
	}
	resp := reply[*kmsg.SASLAuthenticateResponse](&req)
	s := c.conn.session
	if s == nil || !s.Exchanging() {
		code, message := saslCode(auth.ErrIllegalState)
		resp.ErrorCode, resp.ErrorMessage = code.Code, &message
		return response{resp}, nil
	}
	token, err := c.conn.step(ctx, req.SASLAuthBytes)
	if err != nil {
		code, message := saslCode(err)
		resp.ErrorCode, resp.ErrorMessage = code.Code, &message
		return c.conn.part(ctx, resp, err)
	}
	resp.SASLAuthBytes = token
	if !s.Exchanging() && !s.Expires().IsZero() {
		resp.SessionLifetimeMillis = int64(b.cfg.ConnectionsMaxReauth / time.Millisecond)
	}
	return response{resp}, nil
}
