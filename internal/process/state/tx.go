package state

import (
	"errors"
	"fmt"
	"hash/maphash"
	"time"
)

// A Tx is what a step does to the state of a task: it sees its own changes, others see
// them once they are committed. Slices that it gives are valid until the next Begin.
type Tx struct {
	task   *Task
	now    int64 // Unix ms; never goes back
	clock  int64 // the same, as it was given
	stores map[string]*Store
	table
	base   int     // the table's size when the step began
	dirty  []int32 // what has been changed
	undo   []undo
	order  order
	reaped [][]byte // keys of the expiry index that are done with
	out    []Change
	buf    []byte
	open   bool
}

// undo is how an entry was before a change.
type undo struct {
	index int32
	flags uint8
	value []byte
	until int64
}

// A Mark is a savepoint of a step.
type Mark struct{ undo, reaped int }

func (tx *Tx) init(t *Task) {
	tx.task, tx.seed, tx.stores = t, maphash.MakeSeed(), make(map[string]*Store)
}

// Begin begins a step. The one before must have been committed or discarded; if not, it
// is discarded.
func (t *Task) Begin(now time.Time) *Tx {
	tx := &t.tx
	tx.Discard()
	if tx.size() > t.db.memory.share() {
		tx.clear()
	}
	tx.base, tx.open = tx.size(), true
	tx.SetNow(now)
	return tx
}

// SetNow sets the time by which values expire from now on. An earlier one is not taken:
// what has expired stays so while the clock is set back.
func (tx *Tx) SetNow(now time.Time) {
	tx.clock = now.UnixMilli()
	tx.now = max(tx.now, tx.clock)
}

// Bytes is what the step takes up in memory. A step that takes more than a few MiB is to
// be ended.
func (tx *Tx) Bytes() int { return tx.size() - tx.base + len(tx.undo)*48 }

// Mark makes a savepoint.
func (tx *Tx) Mark() Mark { return Mark{len(tx.undo), len(tx.reaped)} }

// Undo takes back what was changed since a savepoint of this step.
func (tx *Tx) Undo(m Mark) {
	for i := len(tx.undo) - 1; i >= m.undo; i-- {
		u := &tx.undo[i]
		e := &tx.entries[u.index]
		if e.flags&entryDirty != 0 && u.flags&entryDirty == 0 {
			tx.dirty = tx.dirty[:len(tx.dirty)-1]
		}
		e.value, e.until = u.value, u.until
		e.flags = u.flags | e.flags&entryOrdered
	}
	clear(tx.undo[m.undo:])
	tx.undo = tx.undo[:m.undo]
	tx.order.seen = min(tx.order.seen, len(tx.dirty))
	tx.unreap(m.reaped)
}

// Discard takes back all that the step has changed, and ends it.
func (tx *Tx) Discard() {
	tx.Undo(Mark{})
	tx.end()
}

// end forgets what belongs to the step, and leaves what was read and committed in memory.
func (tx *Tx) end() {
	tx.clearOrder()
	clear(tx.undo)
	tx.dirty, tx.undo = tx.dirty[:0], tx.undo[:0]
	clear(tx.out)
	tx.out, tx.open = tx.out[:0], false
}

// reset forgets everything, since somebody else changes the state.
func (tx *Tx) reset() {
	tx.Discard()
	tx.clear()
}

// Changes are what the step does to the state, each key once: the records to be written
// to the changelog. They are valid until Commit, Discard, or the next change.
func (tx *Tx) Changes() []Change {
	tx.out = tx.out[:0]
	for _, i := range tx.dirty {
		if e := &tx.entries[i]; !e.void() {
			tx.out = append(tx.out, Change{Key: e.key[taskPrefix:], Value: e.value})
		}
	}
	return tx.out
}

// void says that a key was not there, and is not there now.
func (e *entry) void() bool { return e.value == nil && e.flags&entryAbsent != 0 }

// Commit makes the step's changes part of the state. They must be in the changelog,
// committed, and next is the offset that follows them there. A step that has changed
// nothing, so that nothing was written to the changelog, ends with Unchanged.
func (tx *Tx) Commit(next int64) error {
	t := tx.task
	if err := t.db.enter(); err != nil {
		return err
	}
	defer t.db.exit()
	p := t.Position()
	p.Next, p.At = next, time.UnixMilli(tx.now)
	if err := t.add(p, tx.changed(), tx.pend); err != nil {
		return fmt.Errorf("commit a step of task %d: %w", t.partition, err)
	}
	tx.settle()
	t.db.flushByTime(tx.clock)
	return nil
}

// Unchanged ends a step that has no Changes. Entries of the index of expiry that it went
// through are gone, since what they name had been deleted, or lives longer; with a full
// disk a later step goes through them again.
func (tx *Tx) Unchanged() error {
	defer tx.Discard()
	if len(tx.reaped) == 0 {
		return nil
	}
	t := tx.task
	if err := t.db.enter(); err != nil {
		return err
	}
	defer t.db.exit()
	switch err := t.add(t.Position(), 0, tx.pendReaped); {
	case errors.Is(err, ErrFull):
		return nil
	case err != nil:
		return fmt.Errorf("end a step of task %d: %w", t.partition, err)
	}
	return nil
}

// changed is how many bytes of keys and values the step has changed.
func (tx *Tx) changed() (n int) {
	for _, i := range tx.dirty {
		n += len(tx.entries[i].key) + len(tx.entries[i].value)
	}
	return n
}
