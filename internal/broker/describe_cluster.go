package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// endpointBrokers is the only endpoint type there is (KIP-919 adds controllers).
const endpointBrokers = 1

func (b *Broker) describeCluster(_ context.Context, c *call, req *kmsg.DescribeClusterRequest) kmsg.Response {
	resp := reply[*kmsg.DescribeClusterResponse](req)
	if req.Version >= 1 && req.EndpointType != endpointBrokers {
		message := "this listener serves brokers, not controllers"
		resp.ErrorCode, resp.ErrorMessage = kerr.MismatchedEndpointType.Code, &message
		return resp
	}
	resp.EndpointType = endpointBrokers
	resp.ClusterID, resp.ControllerID = b.ClusterID(), b.cfg.NodeID
	broker := kmsg.NewDescribeClusterResponseBroker()
	broker.NodeID, broker.Host, broker.Port = b.cfg.NodeID, c.conn.info.AdvertisedHost, c.conn.info.AdvertisedPort
	resp.Brokers = append(resp.Brokers, broker)
	if req.IncludeClusterAuthorizedOperations {
		resp.ClusterAuthorizedOperations = clusterOperations
	}
	return resp
}
