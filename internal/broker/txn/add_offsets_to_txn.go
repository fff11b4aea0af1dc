package txn

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

// AddOffsetsToTxn answers AddOffsetsToTxn (versions 0 to 4) once the partition
// that keeps the group's offsets is in the transaction, durably.
func (c *Coordinator) AddOffsetsToTxn(req *kmsg.AddOffsetsToTxnRequest, offsets transaction.Partition, reply func(*kmsg.AddOffsetsToTxnResponse)) {
	producer := transaction.Producer{ID: req.ProducerID, Epoch: req.ProducerEpoch}
	c.add(req.TransactionalID, producer, []transaction.Partition{offsets}, func(err *kerr.Error) {
		resp := req.ResponseKind().(*kmsg.AddOffsetsToTxnResponse)
		resp.ErrorCode = fencedCode(err, req.Version >= fencedKnown)
		reply(resp)
	})
}
