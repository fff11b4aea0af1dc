package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"

	"github.com/cockroachdb/pebble/v2"
)

// expiry is what is known of the index of what expires: there is nothing before the key
// from, which is nil if that is not known, nothing is due before next, and nothing that is
// pending before soon. Both are Unix ms.
type expiry struct {
	from       []byte
	next, soon int64
}

// expect notes that something is put into the index, and is pending.
func (x *expiry) expect(slot int64) {
	x.next, x.soon = min(x.next, slot), min(x.soon, slot)
	if x.from != nil && slot <= slotOf(x.from) {
		x.from = nil
	}
}

// Expire deletes keys that have expired, at most so many, as part of the step; it says how
// many it went through. Nobody has seen them any more since they expired: this gives back
// their room, here and, as deletions, in the changelog. Pebble is given what is pending
// only if some of that is due, which is once a second at most, as the index is coarse.
func (tx *Tx) Expire(limit int) (int, error) {
	t := tx.task
	if t.expiry.next > tx.now {
		return 0, nil
	}
	if err := t.db.enter(); err != nil {
		return 0, err
	}
	defer t.db.exit()
	if t.expiry.soon <= tx.now {
		if err := t.drain(); err != nil {
			return 0, err
		}
		t.expiry.soon = math.MaxInt64
	}
	to := appendPrefix(nil, t.partition, kindEnd)
	it, err := t.db.pebble.NewIter(&pebble.IterOptions{LowerBound: tx.expireFrom(), UpperBound: to})
	if err != nil {
		return 0, t.db.readError(err)
	}
	n, err := tx.expire(it, limit)
	if err := errors.Join(err, it.Error(), it.Close()); err != nil {
		return n, t.db.readError(err)
	}
	return n, nil
}

// expireFrom is where in the index the next key is that may have expired: behind those
// that this step and others have gone through, which may still be in Pebble.
func (tx *Tx) expireFrom() []byte {
	if n := len(tx.reaped); n > 0 {
		return append(bytes.Clone(tx.reaped[n-1]), 0)
	}
	if from := tx.task.expiry.from; from != nil {
		return from
	}
	return appendPrefix(nil, tx.task.partition, kindExpiry)
}

// unreap forgets the entries of the index that the step went through after the first n.
func (tx *Tx) unreap(n int) {
	if n < len(tx.reaped) {
		tx.task.expiry.next = 0
		clear(tx.reaped[n:])
		tx.reaped = tx.reaped[:n]
	}
}

// reap notes that entries of the index are gone that the step went through.
func (tx *Tx) reap() {
	if n := len(tx.reaped); n > 0 {
		tx.task.expiry.from = append(bytes.Clone(tx.reaped[n-1]), 0)
		clear(tx.reaped)
		tx.reaped = tx.reaped[:0]
	}
}

// slotOf is the slot of an entry of the index.
func slotOf(index []byte) int64 { return int64(binary.BigEndian.Uint64(index[taskPrefix:])) }

// expire goes through the index up to now.
func (tx *Tx) expire(it *pebble.Iterator, limit int) (n int, err error) {
	x := &tx.task.expiry
	for valid := it.First(); valid; valid = it.Next() {
		slot := slotOf(it.Key())
		if slot > tx.now || n == limit {
			x.next = min(slot, x.soon)
			return n, nil
		}
		if err := tx.expireKey(it.Key()); err != nil {
			return n, err
		}
		n++
	}
	x.next = x.soon
	return n, it.Error()
}

// expireKey deletes what an entry of the index names, if it has expired.
func (tx *Tx) expireKey(index []byte) error {
	key := append(bytes.Clone(tx.task.prefix), index[taskPrefix+8:]...)
	i, err := tx.load(key)
	if err != nil {
		return err
	}
	if e := &tx.entries[i]; e.value != nil && !e.alive(tx.now) {
		tx.remove(key)
	}
	tx.reaped = append(tx.reaped, bytes.Clone(index))
	return nil
}
