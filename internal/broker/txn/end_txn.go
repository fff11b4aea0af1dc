package txn

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

const (
	// fencedKnown is the first version of EndTxn, AddPartitionsToTxn and
	// AddOffsetsToTxn whose clients know PRODUCER_FENCED (KIP-588).
	fencedKnown = 2
	// endRaises is the first version of EndTxn that raises the epoch (KIP-890).
	endRaises = 5
)

// EndTxn answers EndTxn (versions 0 to 5) once the outcome is durable, as Kafka
// does: a reader of committed records sees it a moment later, when the markers
// are. From version 5 on the answer says with which id and epoch to go on.
func (c *Coordinator) EndTxn(req *kmsg.EndTxnRequest, reply func(*kmsg.EndTxnResponse)) {
	answer := func(p transaction.Producer, err *kerr.Error) {
		resp := req.ResponseKind().(*kmsg.EndTxnResponse)
		resp.ErrorCode = fencedCode(err, req.Version >= fencedKnown)
		resp.ProducerID, resp.ProducerEpoch = p.ID, p.Epoch
		reply(resp)
	}
	e, err := c.find(req.TransactionalID)
	if err != nil {
		answer(transaction.None, err)
		return
	}
	version := transaction.V0
	if req.Version >= endRaises {
		version = transaction.V2
	}
	c.submit(e, &request{
		decide: func(v *transaction.Value, now, freshID int64) transaction.Step {
			return v.End(now, transaction.EndRequest{
				Producer: transaction.Producer{ID: req.ProducerID, Epoch: req.ProducerEpoch},
				Commit:   req.Commit, Version: version, FreshID: freshID,
			})
		},
		answer: answer,
	})
}
