package transaction

import "github.com/twmb/franz-go/pkg/kerr"

// InitRequest is InitProducerId for a transactional id.
type InitRequest struct {
	Timeout int32 // ms
	// Expected is who the client thinks it is, to go on after an error
	// (KIP-360); None if it begins.
	Expected Producer
	// FreshID is a producer id never given out, or NoID as long as none is
	// needed.
	FreshID int64
}

// Init gives the producer its next epoch, which fences whoever had the one
// before. A transaction that is still going on is aborted first; to a client
// that expects to be its producer, that gives the next epoch already.
func (v *Value) Init(now int64, r InitRequest) Step {
	switch {
	case r.Expected != None && !v.mayBe(r.Expected):
		return refuse(kerr.ProducerFenced)
	case v.State.Prepared():
		return Step{Wait: true}
	case v.State == Ongoing:
		return v.restart(now, r)
	case v.exhausted() && (r.Expected == None || r.Expected.Epoch == v.Producer.Epoch):
		if r.FreshID == NoID {
			return Step{NeedID: true}
		}
		return stored(v.rotated(now, r))
	}
	return v.raised(now, r)
}

// restart ends the transaction that a beginning producer finds, then the producer
// is asked again. Kafka lets a zombie abort its successor's transaction, too,
// before it finds out who asks.
func (v *Value) restart(now int64, r InitRequest) Step {
	if r.Expected != None && r.Expected != v.Producer {
		return refuse(kerr.ProducerFenced)
	}
	step := v.Fence(now, r.FreshID)
	step.Again = true
	return step
}

func stored(next *Value) Step { return Step{Next: next, Producer: next.Producer} }

// mayBe tells whether p can be this producer: the epoch is left to raised. One
// whose epochs were used up may not have heard of its new id.
func (v *Value) mayBe(p Producer) bool {
	return v.Producer.Epoch == noEpoch || p.ID == v.Producer.ID || p.ID == v.PreviousID && p.Epoch >= lastEpoch
}

// rotated is the value with a new producer id.
func (v *Value) rotated(now int64, r InitRequest) *Value {
	next := v.fresh(now, r)
	next.Producer = Producer{r.FreshID, 0}
	next.LastEpoch = noEpoch
	if r.Expected != None {
		next.LastEpoch = v.Producer.Epoch
	}
	return next
}

// raised is the value with the next epoch, unless the client has it already and
// only repeats its request.
func (v *Value) raised(now int64, r InitRequest) Step {
	next := v.fresh(now, r)
	switch expected := r.Expected.Epoch; {
	case r.Expected == None:
		next.LastEpoch = noEpoch
	case v.Producer.Epoch == noEpoch, expected == v.Producer.Epoch:
		next.LastEpoch = v.Producer.Epoch
	case expected == v.LastEpoch:
		return stored(next)
	default:
		return refuse(kerr.ProducerFenced)
	}
	next.Producer.Epoch++
	return stored(next)
}

// fresh is the value without a transaction.
func (v *Value) fresh(now int64, r InitRequest) *Value {
	next := v.to(Empty, now)
	next.Timeout, next.Partitions, next.Started = r.Timeout, nil, -1
	return next
}
