package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const transactionCoordinator = 1

// errNoTransactions is an error that clients do not try again.
var errNoTransactions = refuse(kerr.UnsupportedVersion, "this broker has no transactions; use an idempotent producer without transactional.id")

// initProducerID gives an idempotent producer its id, always a new one: a
// producer that has lost track begins anew (KIP-98, KIP-360).
func (b *Broker) initProducerID(_ context.Context, _ *call, req *kmsg.InitProducerIDRequest) kmsg.Response {
	resp := reply[*kmsg.InitProducerIDResponse](req)
	resp.ProducerID, resp.ProducerEpoch = -1, -1
	if req.TransactionalID != nil {
		resp.ErrorCode, _ = codeOf(errNoTransactions)
		return resp
	}
	id, err := b.store.ProducerID()
	if err != nil {
		resp.ErrorCode, _ = codeOf(err)
		return resp
	}
	resp.ProducerID, resp.ProducerEpoch = id, 0
	return resp
}
