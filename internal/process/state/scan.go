package state

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// bounds are those of keys in Pebble, of a store with that prefix.
func bounds(prefix, from, to []byte) (lower, upper []byte) {
	lower = append(bytes.Clone(prefix), from...)
	if to == nil {
		return lower, after(prefix)
	}
	return lower, append(bytes.Clone(prefix), to...)
}

// scan gives what the step sees of a store, in order.
func (tx *Tx) scan(prefix, from, to []byte, yield func(Entry, error) bool) {
	lower, upper := bounds(prefix, from, to)
	if bytes.Compare(lower, upper) >= 0 {
		return
	}
	db := tx.task.db
	if err := db.enter(); err != nil {
		yield(Entry{}, err)
		return
	}
	defer db.exit()
	if err := tx.task.inOrder(); err != nil {
		yield(Entry{}, err)
		return
	}
	it, err := db.pebble.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		yield(Entry{}, db.readError(err))
		return
	}
	m := merge{tx: tx, it: it, dirty: tx.dirtyFrom(lower, upper), prefix: len(prefix)}
	more := m.run(yield)
	if err := errors.Join(it.Error(), it.Close()); err != nil && more {
		yield(Entry{}, db.readError(err))
	}
}

// merge goes through Pebble and through what the step has changed at once.
type merge struct {
	tx     *Tx
	it     *pebble.Iterator
	dirty  *dirtyCursor
	prefix int
}

// run says whether the caller wants more.
func (m *merge) run(yield func(Entry, error) bool) (more bool) {
	for valid := m.it.First(); ; {
		e := m.dirty.peek()
		order := -1
		switch {
		case e == nil && !valid:
			return true
		case e == nil:
			order = 1
		case valid:
			order = bytes.Compare(e.key, m.it.Key())
		}
		if order > 0 {
			more = m.stored(yield)
		} else {
			m.dirty.pass(e)
			more = m.changed(e, yield)
		}
		if !more {
			return false
		}
		if order >= 0 {
			valid = m.it.Next()
		}
	}
}

// changed gives an entry that the step has changed, unless it is gone.
func (m *merge) changed(e *entry, yield func(Entry, error) bool) bool {
	if !e.alive(m.tx.now) {
		return true
	}
	return yield(Entry{Key: e.key[m.prefix:], Value: valueOf(e.value, e.until)}, nil)
}

// stored gives what is in Pebble, unless it is gone.
func (m *merge) stored(yield func(Entry, error) bool) bool {
	db := m.tx.task.db
	return giveStored(db, m.it, m.prefix, m.tx.now, yield)
}

// giveStored gives where the iterator is, unless that has expired.
func giveStored(db *DB, it *pebble.Iterator, prefix int, now int64, yield func(Entry, error) bool) bool {
	b, err := it.ValueAndErr()
	if err != nil {
		yield(Entry{}, db.readError(err))
		return false
	}
	value, until, err := parseValue(b)
	if err != nil {
		yield(Entry{}, db.readError(fmt.Errorf("%w: key %x: %w", ErrCorrupt, head(it.Key()), err)))
		return false
	}
	if until != never && until <= now {
		return true
	}
	if err := db.usable(); err != nil {
		yield(Entry{}, err)
		return false
	}
	return yield(Entry{Key: it.Key()[prefix:], Value: value}, nil)
}
