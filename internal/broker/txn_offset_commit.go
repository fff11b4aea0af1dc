package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

const (
	// txnOffsetLoading is the first version of TxnOffsetCommit whose clients know
	// COORDINATOR_LOAD_IN_PROGRESS (KAFKA-7296).
	txnOffsetLoading = 2
	// txnOffsetAbortable is the first whose clients know TRANSACTION_ABORTABLE.
	txnOffsetAbortable = 4
	// txnOffsetJoins is the first that adds the offsets to the transaction. Before,
	// AddOffsetsToTxn has done so (KIP-890).
	txnOffsetJoins = 5
)

// txnOffsetCommit commits offsets with a transaction: the transaction coordinator
// says whether it is going on, the group coordinator whether they may be
// committed, and keeps them.
func (b *Broker) txnOffsetCommit(req *kmsg.TxnOffsetCommitRequest, reply func(*kmsg.TxnOffsetCommitResponse)) {
	b.groups.OffsetsPartition(req.Group, func(n int32, err *kerr.Error) {
		if err != nil {
			reply(group.RefuseTxnOffsetCommit(req, txnOffsetError(err, req.Version)))
			return
		}
		producer, to := transaction.Producer{ID: req.ProducerID, Epoch: req.ProducerEpoch}, offsetsPartition(n)
		commit := func(joined *kerr.Error) {
			b.groups.TxnOffsetCommit(req, func() *kerr.Error {
				err := joined
				if err == nil {
					err = b.transactions.Verify(req.TransactionalID, producer, to)
				}
				return txnOffsetError(err, req.Version)
			}, reply)
		}
		if req.Version < txnOffsetJoins || req.Group == "" { // which is no group
			commit(nil)
			return
		}
		b.transactions.Join(req.TransactionalID, producer, []transaction.Partition{to}, commit)
	})
}

// txnOffsetError says what the transaction coordinator said as clients of the
// version know it.
func txnOffsetError(err *kerr.Error, version int16) *kerr.Error {
	switch {
	case err == kerr.ProducerFenced:
		return kerr.InvalidProducerEpoch
	case err == kerr.TransactionAbortable && version < txnOffsetAbortable:
		return kerr.InvalidTxnState
	case err == kerr.CoordinatorLoadInProgress && version < txnOffsetLoading:
		return kerr.CoordinatorNotAvailable
	}
	return err
}
