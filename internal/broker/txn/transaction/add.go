package transaction

import "github.com/twmb/franz-go/pkg/kerr"

// Add adds partitions to p's transaction, which begins with the first.
func (v *Value) Add(now int64, p Producer, ps []Partition, version Version) Step {
	switch {
	case v.State.Prepared() && p == v.Successor():
		return Step{Wait: true} // the producer knows its next id and epoch from the answer to EndTxn
	case p.ID != v.Producer.ID:
		return refuse(kerr.InvalidProducerIDMapping)
	case p.Epoch != v.Producer.Epoch, v.State.Prepared():
		return refuse(kerr.ProducerFenced)
	case v.State == Ongoing && v.Partitions.containsAll(ps):
		return Step{}
	}
	next := v.to(Ongoing, now)
	next.Partitions, next.Version = v.Partitions.with(ps), version
	if v.State != Ongoing {
		next.Started = now
	}
	return Step{Next: next}
}

// Verify checks that p's transaction is going on and has the partitions
// (KIP-890, part 1).
func (v *Value) Verify(p Producer, ps []Partition) Step {
	switch {
	case p.ID != v.Producer.ID:
		return refuse(kerr.InvalidProducerIDMapping)
	case p.Epoch != v.Producer.Epoch:
		return refuse(kerr.ProducerFenced)
	case v.State.Prepared():
		return refuse(kerr.ConcurrentTransactions)
	case !v.Partitions.containsAll(ps):
		return refuse(kerr.TransactionAbortable)
	}
	return Step{}
}
