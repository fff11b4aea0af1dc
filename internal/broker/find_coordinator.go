package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	groupCoordinator       = 0
	transactionCoordinator = 1
	// findCoordinatorMany is the first version that asks for several keys (KIP-699).
	findCoordinatorMany = 4
)

func (b *Broker) findCoordinator(_ context.Context, c *call, req *kmsg.FindCoordinatorRequest) kmsg.Response {
	resp := reply[*kmsg.FindCoordinatorResponse](req)
	if req.Version < findCoordinatorMany {
		sc := b.coordinator(c, req, req.CoordinatorKey)
		resp.ErrorCode, resp.ErrorMessage = sc.ErrorCode, sc.ErrorMessage
		resp.NodeID, resp.Host, resp.Port = sc.NodeID, sc.Host, sc.Port
		return resp
	}
	for _, key := range req.CoordinatorKeys {
		resp.Coordinators = append(resp.Coordinators, b.coordinator(c, req, key))
	}
	return resp
}

// coordinator answers for one key: this broker coordinates all groups and
// transactions.
func (b *Broker) coordinator(c *call, req *kmsg.FindCoordinatorRequest, key string) kmsg.FindCoordinatorResponseCoordinator {
	sc := kmsg.NewFindCoordinatorResponseCoordinator()
	sc.Key, sc.NodeID, sc.Port = key, -1, -1
	switch req.CoordinatorType {
	case groupCoordinator, transactionCoordinator:
		sc.NodeID, sc.Host, sc.Port = b.cfg.NodeID, c.conn.info.AdvertisedHost, c.conn.info.AdvertisedPort
	default:
		sc.ErrorCode, sc.ErrorMessage = messageOf(refuse(kerr.InvalidRequest, "there is no coordinator of type %d", req.CoordinatorType))
	}
	return sc
}
