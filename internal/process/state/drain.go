package state

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// add makes changes of a step, or of the changelog, pending: all of them, with the
// position that they make. If too much is pending it is written, or waited for, before.
func (t *Task) add(next Position, size int, changes func()) error {
	if err := t.room(size); err != nil {
		return err
	}
	p := &t.pending
	p.mu.Lock()
	defer p.mu.Unlock()
	changes()
	t.setPosition(next)
	p.mu.moved = true
	return nil
}

// room makes room for so many bytes of changes.
func (t *Task) room(size int) error {
	if err := t.db.roomOnDisk(int64(size)); err != nil {
		return err
	}
	for {
		much, wait := t.makeRoom()
		switch {
		case much && !wait:
			t.db.drainer.call()
			return nil
		case !wait:
			return nil
		}
		if err := t.drainFrozen(); err != nil {
			return err
		}
	}
}

// makeRoom freezes what is pending, if that is much; if something else is being written,
// that has to be waited for.
func (t *Task) makeRoom() (much, wait bool) {
	p := &t.pending
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.now.size() <= p.enough(t.db.memory.pendingShare()) {
		return false, false
	}
	if !p.mu.full {
		p.freeze(t.Position())
		return true, false
	}
	return true, true
}

// inOrder has Pebble know all that was committed, for who asks for keys in their order.
func (t *Task) inOrder() error {
	t.pending.mu.Lock()
	t.pending.mu.ordered = orderedFor
	t.pending.mu.Unlock()
	return t.drain()
}

// drain gives Pebble what is pending now, with its position; what becomes so meanwhile
// may stay. It fails only if the DB has.
func (t *Task) drain() error {
	p := &t.pending
	p.writing.Lock()
	defer p.writing.Unlock()
	if err := t.writeFrozen(); err != nil {
		return err
	}
	p.mu.Lock()
	p.freeze(t.Position())
	p.mu.Unlock()
	return t.writeFrozen()
}

// drainFrozen gives Pebble what is frozen.
func (t *Task) drainFrozen() error {
	t.pending.writing.Lock()
	defer t.pending.writing.Unlock()
	return t.writeFrozen()
}

// writeFrozen is drainFrozen for who holds writing.
func (t *Task) writeFrozen() error {
	p := &t.pending
	if !p.isFull() {
		return t.db.health.err()
	}
	if err := t.write(&p.mu.frozen, p.mu.position); err != nil {
		return fmt.Errorf("write changes of task %d: %w", t.partition, err)
	}
	p.written()
	return t.db.health.err()
}

// write writes what is frozen, which nobody changes meanwhile, to Pebble: all or nothing.
func (t *Task) write(frozen *table, at Position) error {
	b := t.db.pebble.NewBatch()
	err := frozen.fill(b)
	if err == nil {
		err = b.Set(t.positionKey(), at.append(nil), nil)
	}
	if err != nil {
		return errors.Join(err, b.Close())
	}
	return t.db.apply(b)
}

// fill puts the table's entries into a batch, in the order of their keys: Pebble takes
// them several times as quickly then.
func (t *table) fill(b *pebble.Batch) error {
	for _, i := range t.sorted() {
		e := &t.entries[i.at]
		var err error
		if e.value == nil {
			err = b.Delete(e.key, nil)
		} else {
			err = b.Set(e.key, e.value, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sorted are the indexes of the entries that mean something, in the order of their keys.
func (t *table) sorted() []item {
	items := make([]item, 0, len(t.entries))
	for i := range t.entries {
		if !t.entries[i].void() {
			items = append(items, item{at: uint32(i)})
		}
	}
	s := sorter{key: func(i item) []byte { return t.entries[i.at].key }}
	skip := s.common(items)
	s.behead(items, skip)
	s.sort(items, skip)
	return items
}
