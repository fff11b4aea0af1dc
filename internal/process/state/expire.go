package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"

	"github.com/cockroachdb/pebble/v2"
)

// expiry is what is known of the index of what expires: below low there is nothing, and
// nothing is due before next. Both are Unix ms.
type expiry struct{ low, next int64 }

// expect notes that something is put into the index.
func (x *expiry) expect(slot int64) {
	x.low, x.next = min(x.low, slot), min(x.next, slot)
}

// Expire deletes keys that have expired, at most so many, as part of the step; it says
// how many it went through. Nobody has seen
// them any more since they expired: this gives back their room, here and, as deletions,
// in the changelog.
func (tx *Tx) Expire(limit int) (int, error) {
	t := tx.task
	if t.expiry.next > tx.now {
		return 0, nil
	}
	if err := t.db.enter(); err != nil {
		return 0, err
	}
	defer t.db.exit()
	if err := t.drain(); err != nil {
		return 0, err
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
// that the step has gone through, which are still in Pebble.
func (tx *Tx) expireFrom() []byte {
	if n := len(tx.reaped); n > 0 {
		return append(bytes.Clone(tx.reaped[n-1]), 0)
	}
	return appendExpiry(nil, tx.task.partition, tx.task.expiry.low, nil)
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
		x := &tx.task.expiry
		x.low = max(x.low, slotOf(tx.reaped[n-1]))
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
			x.next = slot
			return n, nil
		}
		if err := tx.expireKey(it.Key()); err != nil {
			return n, err
		}
		n++
	}
	x.next = math.MaxInt64
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
