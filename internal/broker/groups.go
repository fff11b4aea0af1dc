package broker

import (
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group"
)

// coordinated makes a starter of one of the coordinator's methods. The
// coordinator answers when it can: a JoinGroup waits for other members.
func coordinated[R any, P interface {
	*R
	kmsg.Request
}, A kmsg.Response](method func(group.ClientInfo, P, func(A))) func(*call) error {
	return func(c *call) error {
		defer c.done() // what the coordinator keeps is bounded by its own limits
		req := P(new(R))
		if err := c.decode(req); err != nil {
			return err
		}
		method(c.client(), req, func(resp A) { c.reply(response{resp}) })
		return nil
	}
}

// client describes the caller as DescribeGroups shows it.
func (c *call) client() group.ClientInfo {
	host := c.conn.net.RemoteAddr().String()
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return group.ClientInfo{ID: c.clientID, Host: "/" + host}
}
