package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// listPartitionReassignments lists the reassignments under way (KIP-455): with one
// broker there are none.
func (b *Broker) listPartitionReassignments(_ context.Context, _ *call, req *kmsg.ListPartitionReassignmentsRequest) kmsg.Response {
	return reply[*kmsg.ListPartitionReassignmentsResponse](req)
}
