package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// initProducerID gives a producer its id, and a transactional one its epoch.
func (b *Broker) initProducerID(ctx context.Context, _ *call, req *kmsg.InitProducerIDRequest) kmsg.Response {
	return b.transactions.InitProducerID(ctx, req)
}
