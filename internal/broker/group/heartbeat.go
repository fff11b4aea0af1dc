package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group/classic"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
)

// Heartbeat answers Heartbeat (versions 0 to 4).
func (c *Coordinator) Heartbeat(_ ClientInfo, req *kmsg.HeartbeatRequest, reply func(*kmsg.HeartbeatResponse)) {
	resp := req.ResponseKind().(*kmsg.HeartbeatResponse)
	resp.ErrorCode = codeOf(c.heartbeat(req))
	reply(resp)
}

func (c *Coordinator) heartbeat(req *kmsg.HeartbeatRequest) *kerr.Error {
	switch err := c.check(req.Group); err {
	case nil:
	case kerr.CoordinatorLoadInProgress:
		return nil // sessions begin anew once the group is loaded; until then nobody is late
	default:
		return err
	}
	var err *kerr.Error
	found := c.with(req.Group, c.find, func(e *entry, now time.Time) {
		switch g := e.group.(type) {
		case *classic.Group:
			err = g.Heartbeat(now, req)
		case *consumer.Group:
			err = g.ClassicHeartbeat(c.env(e.id, now), req)
		default: // members of share groups have heartbeats of their own
			err = kerr.UnknownMemberID
		}
	})
	if !found {
		return c.missing(kerr.UnknownMemberID)
	}
	return err
}
