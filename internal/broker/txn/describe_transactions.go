package txn

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

// DescribeTransactions answers DescribeTransactions (version 0, KIP-664).
func (c *Coordinator) DescribeTransactions(req *kmsg.DescribeTransactionsRequest) *kmsg.DescribeTransactionsResponse {
	resp := req.ResponseKind().(*kmsg.DescribeTransactionsResponse)
	for _, id := range req.TransactionalIDs {
		resp.TransactionStates = append(resp.TransactionStates, c.describe(id))
	}
	return resp
}

func (c *Coordinator) describe(id string) kmsg.DescribeTransactionsResponseTransactionState {
	s := kmsg.NewDescribeTransactionsResponseTransactionState()
	s.TransactionalID = id
	e, err := c.find(id)
	if err == kerr.InvalidProducerIDMapping {
		err = kerr.TransactionalIDNotFound
	}
	if err != nil {
		s.ErrorCode = err.Code
		return s
	}
	v, partitions := e.look()
	s.State, s.TimeoutMillis, s.StartTimestamp = v.State.String(), v.Timeout, v.Started
	s.ProducerID, s.ProducerEpoch = v.Producer.ID, v.Producer.Epoch
	for _, p := range partitions {
		if n := len(s.Topics); n == 0 || s.Topics[n-1].Topic != p.Topic {
			t := kmsg.NewDescribeTransactionsResponseTransactionStateTopic()
			t.Topic = p.Topic
			s.Topics = append(s.Topics, t)
		}
		t := &s.Topics[len(s.Topics)-1]
		t.Partitions = append(t.Partitions, p.Number)
	}
	return s
}

// look returns the value and its partitions: of a prepared one, those that have
// no marker yet.
func (e *entry) look() (*transaction.Value, []transaction.Partition) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v := e.value.Load()
	if v.State.Prepared() {
		return v, e.mu.unmarked.Sorted()
	}
	return v, v.Partitions.Sorted()
}
