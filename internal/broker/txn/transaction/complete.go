package transaction

// Complete is the value once all markers of a prepared transaction are written.
func (v *Value) Complete(now int64) *Value {
	s := CompleteAbort
	if v.State == PrepareCommit {
		s = CompleteCommit
	}
	next := v.to(s, now)
	next.Producer = v.Successor()
	next.Partitions = nil
	return next
}

// TimedOut tells whether the transaction has taken longer than its producer
// said it would.
func (v *Value) TimedOut(now int64) bool {
	return v.State == Ongoing && now-v.Started > int64(v.Timeout)
}

// Expired tells whether the id has not been used for age, in ms, and is not in
// use.
func (v *Value) Expired(now, age int64) bool {
	return v.State.idle() && now-v.Updated >= age
}
