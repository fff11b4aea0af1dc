package txn

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/txn/transaction"
)

// Joining is what a request adds to a transaction that it writes in.
type Joining struct {
	ID         string // transactional id; not kept
	Producer   transaction.Producer
	Partitions []transaction.Partition
	// Joined is called once, with nil when the partitions are in the transaction, or
	// with why not. It may wait for a partition, but not for the disk.
	Joined func(*kerr.Error)
	// Stored is called once after Joined was called, or is being called, with nil: with
	// nil when it is durable that the partitions are in the transaction, or with why
	// it cannot be. What was written may only be acknowledged then. It must not wait.
	Stored func(*kerr.Error)
}

// Join adds partitions to a transaction. It is for requests that add what they
// write to (transaction version 2, KIP-890). For one transactional id, Joined is
// called in the order of the calls of Join, one after the other, so that what is
// appended keeps its order.
func (c *Coordinator) Join(j Joining) {
	c.join(j.ID, j.Producer, j.Partitions, transaction.V2, &request{
		answer: func(_ transaction.Producer, err *kerr.Error) { j.Joined(err) }, waits: true, stored: j.Stored,
	})
}

// add adds partitions for clients of version 0, and calls then when that is durable.
// then must not wait.
func (c *Coordinator) add(id string, p transaction.Producer, ps []transaction.Partition, then func(*kerr.Error)) {
	c.join(id, p, ps, transaction.V0, &request{answer: func(_ transaction.Producer, err *kerr.Error) { then(err) }})
}

func (c *Coordinator) join(id string, p transaction.Producer, ps []transaction.Partition, version transaction.Version, r *request) {
	e, err := c.find(id)
	if err != nil {
		r.refuse(err)
		return
	}
	r.adds = true
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
