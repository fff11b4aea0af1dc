package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Types of endpoints (KIP-919). Only brokers have any here.
const (
	endpointBrokers     = 1
	endpointControllers = 2
)

func (b *Broker) describeCluster(_ context.Context, c *call, req *kmsg.DescribeClusterRequest) kmsg.Response {
	resp := reply[*kmsg.DescribeClusterResponse](req)
	if err := checkEndpointType(req); err != nil {
		resp.ErrorCode, resp.ErrorMessage = messageOf(err)
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

func checkEndpointType(req *kmsg.DescribeClusterRequest) error {
	switch {
	case req.Version < 1 || req.EndpointType == endpointBrokers:
		return nil
	case req.EndpointType == endpointControllers:
		return refuse(kerr.MismatchedEndpointType, "this listener serves brokers, not controllers")
	}
	return refuse(kerr.UnsupportedEndpointType, "there is no endpoint type %d", req.EndpointType)
}
