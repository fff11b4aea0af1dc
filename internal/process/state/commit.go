package state

import (
	"bytes"
	"cmp"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// write writes what the step has changed, and the position, to Pebble: all or nothing.
func (tx *Tx) write(p Position) error {
	t := tx.task
	b := t.db.pebble.NewBatch()
	first := t.expiry.next
	err := tx.fill(b)
	if err == nil {
		err = b.Set(t.positionKey(), p.append(nil), nil)
	}
	if err != nil {
		return errors.Join(err, b.Close())
	}
	if err := t.db.apply(b); err != nil {
		t.expiry.next = first
		return err
	}
	return nil
}

// fill puts the step's changes into a batch, in the order of their keys: Pebble's
// memtable, a skiplist, takes them several times as quickly then.
func (tx *Tx) fill(b *pebble.Batch) error {
	for _, i := range tx.sortedChanges() {
		e := &tx.entries[i.at]
		if err := tx.task.put(b, e.key, e.value, e.until, tx.now); err != nil {
			return err
		}
	}
	for _, key := range tx.reaped {
		if err := b.Delete(key, nil); err != nil {
			return err
		}
	}
	return nil
}

// sortedChanges are the indexes of the entries that are changes.
func (tx *Tx) sortedChanges() []item {
	items := tx.items[:0]
	skip := tx.commonPrefix()
	for _, i := range tx.dirty {
		if e := &tx.entries[i]; !e.void() {
			items = append(items, item{keyHead(e.key[skip:]), uint32(i)})
		}
	}
	tx.items = items
	tx.scratch = sortItems(items, tx.scratch, func(a, b item) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		return bytes.Compare(tx.entries[a.at].key, tx.entries[b.at].key)
	})
	return items
}

// commonPrefix is how many bytes all keys that have been changed begin with.
func (tx *Tx) commonPrefix() int {
	if len(tx.dirty) == 0 {
		return 0
	}
	first := tx.entries[tx.dirty[0]].key
	n := len(first)
	for _, i := range tx.dirty {
		key := tx.entries[i].key
		n = min(n, len(key))
		for !bytes.Equal(key[:n], first[:n]) {
			n--
		}
	}
	return n
}

// put puts a change into a batch, with its place in the index of expiry.
func (t *Task) put(b *pebble.Batch, key, value []byte, until, now int64) error {
	if value == nil {
		return b.Delete(key, nil)
	}
	if err := b.Set(key, value, nil); err != nil || until == never {
		return err
	}
	slot := expirySlot(until, now)
	t.expiry.expect(slot)
	return b.Set(appendExpiry(nil, t.partition, slot, key[taskPrefix:]), nil, nil)
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

// commitPosition writes a position and nothing else.
func (t *Task) commitPosition(p Position) error {
	if err := t.db.enter(); err != nil {
		return err
	}
	defer t.db.exit()
	b := t.db.pebble.NewBatch()
	if err := b.Set(t.positionKey(), p.append(nil), nil); err != nil {
		return errors.Join(err, b.Close())
	}
	if err := t.db.apply(b); err != nil {
		return err
	}
	t.setPosition(p)
	return nil
}
