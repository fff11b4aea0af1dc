package txn

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

// Join adds partitions to a transaction and then calls then: with nil once they
// are in it, durably, or with why not. It is for requests that add what they write
// to (transaction version 2, KIP-890). For one transactional id the calls come in
// the order of those of Join, one after the other, so that what is appended keeps
// its order. then may wait for a partition, but not for the disk.
func (c *Coordinator) Join(id string, p transaction.Producer, ps []transaction.Partition, then func(*kerr.Error)) {
	c.join(id, p, ps, &request{answer: func(_ transaction.Producer, err *kerr.Error) { then(err) }, waits: true}, transaction.V2)
}

// add is Join for clients of version 0. then must not wait.
func (c *Coordinator) add(id string, p transaction.Producer, ps []transaction.Partition, then func(*kerr.Error)) {
	c.join(id, p, ps, &request{answer: func(_ transaction.Producer, err *kerr.Error) { then(err) }}, transaction.V0)
}

func (c *Coordinator) join(id string, p transaction.Producer, ps []transaction.Partition, r *request, version transaction.Version) {
	e, err := c.find(id)
	if err != nil {
		r.refuse(err)
		return
	}
	r.decide = func(v *transaction.Value, now, _ int64) transaction.Step { return v.Add(now, p, ps, version) }
	c.submit(e, r)
}

// Verify checks that a transaction is going on and has the partitions. Requests
// of version 0 clients ask first (KIP-890, part 1). A partition asks for every
// record, with its own lock held, before it appends the record, which therefore
// lies before the marker that ends the transaction. Verify does not wait.
func (c *Coordinator) Verify(id string, p transaction.Producer, ps ...transaction.Partition) *kerr.Error {
	e, err := c.find(id)
	if err != nil {
		return err
	}
	return e.value.Load().Verify(p, ps).Err
}
