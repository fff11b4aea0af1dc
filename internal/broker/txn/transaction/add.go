package transaction

import "github.com/twmb/franz-go/pkg/kerr"

// Add adds partitions to p's transaction, which begins with the first. Where that
// could be taken for the transaction before it after a crash, by records alone, the
// value has to be durable before anything is written ([Step.Early]).
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
	early := (v.State == Ongoing || v.nextIsNew()) && len(next.Partitions) <= maxEarly
	if v.State != Ongoing {
		next.Started = now
	}
	return Step{Next: next, Early: early}
}

// maxEarly is how many partitions a value has at most that counts before it is
// stored: one that turned out too large for a record could not be taken back, nor the
// transaction be ended. A topic's name has at most 249 bytes, a record a MiB.
const maxEarly = 1000

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
