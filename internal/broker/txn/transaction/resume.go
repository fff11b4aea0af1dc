package transaction

// Open is a transaction that the log of a partition holds open at a start.
type Open struct {
	In Partition
	By Producer // of its records; an epoch of -1 is not known
}

// Ending is a marker that a partition needs.
type Ending struct {
	In     Partition
	By     Producer
	Commit bool
}

// Unclaimed is the end of a transaction whose producer id no value has. The epoch is
// one that no producer is given, so no record of the id comes after it.
func (o Open) Unclaimed() Ending {
	return Ending{In: o.In, By: Producer{o.By.ID, lastEpoch + 1}}
}

// Claims lists the producer ids that the value has, now or after what is prepared.
func (v *Value) Claims() []int64 {
	if next := v.Successor().ID; next != v.Producer.ID {
		return []int64{v.Producer.ID, next}
	}
	return []int64{v.Producer.ID}
}

// Resume returns the value to go on with at a start where v was the last one stored,
// given what the partitions hold open of the producer ids that v claims: records are
// appended while it is being stored that their partition is in the transaction, so a
// crash may have left them alone. What nobody can end any more has to end before
// anything else is done with the value. The decision record 0003 says why
// transactions cannot be confused.
func (v *Value) Resume(now int64, open []Open) (*Value, []Ending) {
	var present, next []Partition
	var endings []Ending
	for _, o := range open {
		switch v.whose(o) {
		case ofPresent:
			present = append(present, o.In)
		case ofNext:
			next = append(next, o.In)
		case ofNobody:
			endings = append(endings, Ending{In: o.In, By: Producer{o.By.ID, v.notBefore(o.By)}})
		}
	}
	if len(next) > 0 && v.State.Prepared() {
		for _, in := range present { // there should be none: see nextIsNew
			endings = append(endings, Ending{In: in, By: v.Producer, Commit: v.State == PrepareCommit})
		}
		v = v.Complete(now)
	}
	if v.State == Ongoing {
		next = present
	}
	if len(next) > 0 {
		if step := v.Add(now, v.Producer, next, V2); step.Next != nil {
			v = step.Next
		}
	}
	return v, endings
}

// ownership says to which transaction of a value an open one belongs.
type ownership int

const (
	ofNobody  ownership = iota
	ofPresent           // which is going on, or prepared
	ofNext              // which follows
)

func (v *Value) whose(o Open) ownership {
	_, listed := v.Partitions[o.In]
	switch {
	case o.By.Epoch == noEpoch:
		if listed && o.By.ID == v.Producer.ID {
			return ofPresent
		}
	case v.State == Ongoing && o.By == v.Producer, v.State.Prepared() && listed && o.By == v.writer():
		return ofPresent
	case v.nextIsNew() && o.By == v.Successor():
		return ofNext
	}
	return ofNobody
}

// writer is who wrote the records of a prepared transaction.
func (v *Value) writer() Producer {
	if v.Version >= V2 {
		return Producer{v.Producer.ID, v.Producer.Epoch - 1}
	}
	return v.Producer
}

// nextIsNew tells whether the next transaction has an id and epoch that no record
// before it has. Such records are let in only when all markers of the transaction
// before are durable, so that one of them tells that those are.
func (v *Value) nextIsNew() bool {
	return v.State == Empty || v.State != Ongoing && v.Version >= V2
}

// notBefore is an epoch for p's id that is not below p's, nor the value's if it is of
// that id.
func (v *Value) notBefore(p Producer) int16 {
	if p.ID == v.Producer.ID {
		return max(p.Epoch, v.Producer.Epoch)
	}
	return max(p.Epoch, 0)
}
