package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// errNoACLs answers all requests about access control lists (KIP-140), as Kafka
// does without an authorizer.
var errNoACLs = refuse(kerr.SecurityDisabled, "authorization is off: there are no access control lists, and whoever is connected may do everything")

func (b *Broker) describeACLs(_ context.Context, _ *call, req *kmsg.DescribeACLsRequest) kmsg.Response {
	resp := reply[*kmsg.DescribeACLsResponse](req)
	resp.ErrorCode, resp.ErrorMessage = messageOf(errNoACLs)
	return resp
}
