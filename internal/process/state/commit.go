package state

// pend makes what the step has changed pending: what it went through of the index of
// expiry first, since it may have put something there again.
func (tx *Tx) pend() {
	t := tx.task
	tx.pendReaped()
	for _, i := range tx.dirty {
		if e := &tx.entries[i]; !e.void() {
			t.put(e.key, e.hash, e.value, e.until, tx.now, e.flags&entryAbsent != 0)
		}
	}
}

// pendReaped makes it pending that entries of the index of expiry are gone that the step
// went through.
func (tx *Tx) pendReaped() {
	for _, key := range tx.reaped {
		tx.task.pending.set(key, tx.hash(key), nil, false)
	}
	tx.reap()
}

// put makes a change pending, with its place in the index of expiry.
func (t *Task) put(key []byte, hash uint32, value []byte, until, now int64, absent bool) {
	t.pending.set(key, hash, value, absent)
	if value == nil || until == never {
		return
	}
	slot := expirySlot(until, now)
	t.expiry.expect(slot)
	index := appendExpiry(nil, t.partition, slot, key[taskPrefix:])
	t.pending.set(index, t.tx.hash(index), []byte{}, false)
}

// settle makes what was committed what is known of Pebble, and ends the step.
func (tx *Tx) settle() {
	for _, i := range tx.dirty {
		e := &tx.entries[i]
		e.flags = e.flags & entryOrdered
		if e.value == nil {
			e.flags |= entryAbsent
		}
	}
	tx.end()
}
