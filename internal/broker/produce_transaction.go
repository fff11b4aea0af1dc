package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/txn"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/log/batch"
)

const (
	// produceAbortable is the first version whose clients know
	// TRANSACTION_ABORTABLE (KIP-890).
	produceAbortable = 11
	// produceJoins is the first version that adds the partitions it writes to the
	// transaction (KIP-890). Before, AddPartitionsToTxn has done so.
	produceJoins = 12
)

// planTransactional notes whose transaction the batch belongs to. A request can
// be part of one only.
func (s *slot) planTransactional(b batch.Batch) error {
	p, producer := s.production, transaction.Producer{ID: b.ProducerID(), Epoch: b.ProducerEpoch()}
	switch {
	case p.req.TransactionID == nil: // Kafka says so for what is authorized by that id
		return refuse(kerr.TransactionalIDAuthorizationFailed, "records of a transaction in a request without a transactional id")
	case p.producer == transaction.None:
		p.producer = producer
	case p.producer != producer:
		return refuse(kerr.InvalidProducerIDMapping, "records of producer %d, epoch %d, in a request of producer %d, epoch %d",
			producer.ID, producer.Epoch, p.producer.ID, p.producer.Epoch)
	}
	s.transactional = true
	return nil
}

// transacted are the partitions that a transaction writes.
func (p *production) transacted() []transaction.Partition {
	var ps []transaction.Partition
	for _, s := range p.slots[:p.used] {
		if s.transactional && s.err == nil {
			ps = append(ps, transaction.Partition{Topic: s.topic, Number: s.partition})
		}
	}
	return ps
}

// join adds the partitions to the transaction. Meanwhile the appends are begun; the
// answer waits for both.
func (p *production) join(ps []transaction.Partition) {
	p.pending.Add(1) // until it is durable that they are in the transaction
	p.call.conn.broker.transactions.Join(txn.Joining{
		ID: *p.req.TransactionID, Producer: p.producer, Partitions: ps, Joined: p.joined, Stored: p.joinStored,
	})
}

// joined begins the appends once the partitions are in the transaction. If they are not,
// nothing of the request is appended, also what belongs to no transaction: this may be
// the log's own goroutine, which must not wait for room in it.
func (p *production) joined(err *kerr.Error) {
	if err != nil {
		for _, s := range p.slots[:p.used] {
			if s.err == nil {
				s.err = p.refusal(err)
			}
		}
		p.pending.Add(-1)
	}
	p.begin()
}

// joinStored is told when the partitions are in the transaction durably, or why they
// cannot be.
func (p *production) joinStored(err *kerr.Error) {
	p.unjoined = err
	p.finish()
}

// refuseTransacted refuses what belongs to the transaction.
func (p *production) refuseTransacted(err *kerr.Error) {
	for _, s := range p.slots[:p.used] {
		if s.transactional && s.err == nil {
			s.err = p.refusal(err)
		}
	}
}

// admitted is asked by the partition, with its lock held.
func (s *slot) admitted() error {
	p := s.production
	to := transaction.Partition{Topic: s.topic, Number: s.partition}
	if err := p.call.conn.broker.transactions.Verify(*p.req.TransactionID, p.producer, to); err != nil {
		return p.refusal(err)
	}
	return nil
}

// refusal says what the coordinator said as producers know it: what passes by
// itself as NOT_ENOUGH_REPLICAS, which they try again without further ado, and
// what ends a transaction as what ended it before KIP-890 and KIP-588.
func (p *production) refusal(err *kerr.Error) error {
	code, version := err, p.call.version
	switch err {
	case kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator:
		code = kerr.NotEnoughReplicas
	case kerr.ConcurrentTransactions:
		if version < produceJoins {
			code = kerr.NotEnoughReplicas
		}
	case kerr.ProducerFenced:
		code = kerr.InvalidProducerEpoch
	case kerr.TransactionAbortable:
		if version < produceAbortable {
			code = kerr.InvalidTxnState
		}
	}
	return refuse(code, "producer %d, epoch %d, cannot write in a transaction: %s", p.producer.ID, p.producer.Epoch, err.Description)
}
