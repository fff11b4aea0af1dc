package state

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Get returns the value that a key of a store has now, with all steps that have been
// committed; ok is false without one. The value is the caller's.
func (t *Task) Get(store string, key []byte, now time.Time) (value []byte, ok bool, err error) {
	if err := t.db.knows(store); err != nil {
		return nil, false, err
	}
	var a arena
	full := append(appendKey(bytes.Clone(t.prefix), store, nil), key...)
	b, until, err := t.read(full, t.tx.hash(full), &a)
	if err != nil || b == nil || until != never && until <= now.UnixMilli() {
		return nil, false, err
	}
	return valueOf(b, until), true, nil
}

// Range goes through the keys of a store from `from` up to but without `to`, as they are
// now, with all steps that have been committed; nil is the beginning, and the end. An
// entry is valid until the next one. The last pair may be an error.
func (t *Task) Range(store string, from, to []byte, now time.Time) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := t.db.knows(store); err != nil {
			yield(Entry{}, err)
			return
		}
		if err := t.db.enter(); err != nil {
			yield(Entry{}, err)
			return
		}
		defer t.db.exit()
		if more, err := t.scan(appendKey(bytes.Clone(t.prefix), store, nil), from, to, now.UnixMilli(), yield); err != nil && more {
			yield(Entry{}, t.db.readError(err))
		}
	}
}

// scan gives what is in Pebble; more says whether yield may be called again.
func (t *Task) scan(prefix, from, to []byte, now int64, yield func(Entry, error) bool) (more bool, err error) {
	lower, upper := bounds(prefix, from, to)
	if bytes.Compare(lower, upper) >= 0 {
		return true, nil
	}
	if err := t.inOrder(); err != nil {
		return true, err
	}
	it, err := t.db.pebble.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return true, err
	}
	more = true
	for valid := it.First(); valid && more; valid = more && it.Next() {
		more = giveStored(t.db, it, len(prefix), now, yield)
	}
	return more, errors.Join(it.Error(), it.Close())
}

// knows says whether there is a store of that name.
func (db *DB) knows(store string) error {
	if db.stores[store] == nil {
		return fmt.Errorf("%w: %q", ErrNoStore, store)
	}
	return nil
}
