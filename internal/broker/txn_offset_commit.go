package broker

import (
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/group"
	"github.com/evidentlog/evident/internal/broker/txn"
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
// committed, and keeps them. If the request adds them to the transaction, that is
// stored beside them, and the answer waits for both.
func (b *Broker) txnOffsetCommit(req *kmsg.TxnOffsetCommitRequest, reply func(*kmsg.TxnOffsetCommitResponse)) {
	b.groups.OffsetsPartition(req.Group, func(n int32, err *kerr.Error) {
		if err != nil {
			reply(group.RefuseTxnOffsetCommit(req, txnOffsetError(err, req.Version)))
			return
		}
		producer, to := transaction.Producer{ID: req.ProducerID, Epoch: req.ProducerEpoch}, offsetsPartition(n)
		commit := func(joined *kerr.Error, reply func(*kmsg.TxnOffsetCommitResponse)) {
			b.groups.TxnOffsetCommit(req, func() *kerr.Error {
				err := joined
				if err == nil {
					err = b.transactions.Verify(req.TransactionalID, producer, to)
				}
				return txnOffsetError(err, req.Version)
			}, reply)
		}
		if req.Version < txnOffsetJoins || req.Group == "" { // which is no group
			commit(nil, reply)
			return
		}
		both := &joiningCommit{req: req, reply: reply}
		both.left.Store(2)
		b.transactions.Join(txn.Joining{
			ID: req.TransactionalID, Producer: producer, Partitions: []transaction.Partition{to},
			Stored: both.joinStored,
			Joined: func(err *kerr.Error) {
				if err != nil {
					commit(err, reply)
					return
				}
				commit(nil, both.committed)
			},
		})
	})
}

// joiningCommit is a commit of offsets that are being added to the transaction
// meanwhile. Who comes last answers.
type joiningCommit struct {
	req      *kmsg.TxnOffsetCommitRequest
	reply    func(*kmsg.TxnOffsetCommitResponse)
	left     atomic.Int32
	resp     *kmsg.TxnOffsetCommitResponse
	unjoined *kerr.Error // why it is not durable that they are in the transaction
}

func (j *joiningCommit) committed(resp *kmsg.TxnOffsetCommitResponse) {
	j.resp = resp
	j.finish()
}

func (j *joiningCommit) joinStored(err *kerr.Error) {
	j.unjoined = err
	j.finish()
}

func (j *joiningCommit) finish() {
	if j.left.Add(-1) > 0 {
		return
	}
	if j.unjoined != nil {
		j.resp = group.RefuseTxnOffsetCommit(j.req, txnOffsetError(j.unjoined, j.req.Version))
	}
	j.reply(j.resp)
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
