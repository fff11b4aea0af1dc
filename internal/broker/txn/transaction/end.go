package transaction

import "github.com/twmb/franz-go/pkg/kerr"

// EndRequest is EndTxn.
type EndRequest struct {
	Producer Producer
	Commit   bool
	Version  Version
	// FreshID is a producer id never given out, or NoID as long as none is
	// needed.
	FreshID int64
}

// End decides the fate of the transaction.
func (v *Value) End(now int64, r EndRequest) Step {
	if r.Version >= V2 {
		return v.end2(now, r)
	}
	return v.end0(now, r)
}

// end0 is for clients that keep their epoch. They cannot tell whether an answer
// got lost, so ending twice in the same way is a success.
func (v *Value) end0(now int64, r EndRequest) Step {
	prepared, completed := outcome(r.Commit)
	switch {
	case r.Producer.ID != v.Producer.ID:
		return refuse(kerr.InvalidProducerIDMapping)
	case r.Producer.Epoch != v.Producer.Epoch:
		return refuse(kerr.ProducerFenced)
	case v.State == prepared:
		return Step{Wait: true}
	case v.State == completed:
		return Step{Producer: v.Producer}
	case v.State != Ongoing:
		return refuse(kerr.InvalidTxnState)
	}
	next := v.to(prepared, now)
	next.Version = V0
	return Step{Next: next, Producer: next.Producer}
}

// end2 is for clients whose epoch rises with each transaction: so a request with
// the epoch before the present one is a repeated one, and one with the present
// epoch is not. A transaction without partitions can be aborted, which raises
// the epoch: a client does so that is not sure whether the broker knows of any.
func (v *Value) end2(now int64, r EndRequest) Step {
	prepared, completed := outcome(r.Commit)
	repeated := v.endedBy(r.Producer)
	current := r.Producer == v.Producer && !v.State.Prepared()
	switch {
	case v.State.Prepared() && r.Producer == v.Successor():
		return Step{Wait: true} // the end of the next transaction, which is an empty one
	case r.Producer.ID != v.Producer.ID && !repeated:
		return refuse(kerr.InvalidProducerIDMapping)
	case !repeated && !current:
		return refuse(kerr.ProducerFenced)
	case current && (v.State == Ongoing || !r.Commit):
		return v.raisedTo(prepared, now, r.FreshID)
	case repeated && v.State == prepared:
		return Step{Wait: true}
	case repeated && v.State == completed:
		return Step{Producer: v.Producer}
	}
	return refuse(kerr.InvalidTxnState)
}

// endedBy tells whether p, with its epoch of then, ended the last transaction.
func (v *Value) endedBy(p Producer) bool {
	if v.State == Empty || v.State == Ongoing {
		return false
	}
	raised := v.Version >= V2 && p.ID == v.Producer.ID && int(p.Epoch)+1 == int(v.Producer.Epoch)
	rotated := p == Producer{v.PreviousID, lastEpoch} && v.Producer.Epoch == 0 && !v.State.Prepared()
	return raised || rotated
}

// raisedTo goes to a prepared state, with the producer's next epoch, or with its
// next id if it has no epoch left.
func (v *Value) raisedTo(prepared State, now, freshID int64) Step {
	if v.exhausted() && freshID == NoID {
		return Step{NeedID: true}
	}
	next := v.to(prepared, now)
	next.Version = V2
	next.raise()
	if v.exhausted() {
		next.NextID = freshID
	}
	if v.State != Ongoing {
		next.Started = now
	}
	return Step{Next: next, Producer: next.Successor()}
}

// raise goes to the next epoch, of which the markers tell the partitions. The one
// above the last is in markers only.
func (v *Value) raise() {
	v.LastEpoch = v.Producer.Epoch
	v.Producer.Epoch = min(v.Producer.Epoch, lastEpoch) + 1
}

// outcome returns the states that a commit or an abort goes through.
func outcome(commit bool) (prepared, completed State) {
	if commit {
		return PrepareCommit, CompleteCommit
	}
	return PrepareAbort, CompleteAbort
}

// Fence aborts the transaction for another reason than its producer's request: it
// took too long, or a producer begins. Should that be the same one, it can go on
// with the next epoch, as after an abort of its own: which it is told of if it
// aborts, too, or asks for the next epoch.
func (v *Value) Fence(now, freshID int64) Step { return v.raisedTo(PrepareAbort, now, freshID) }
