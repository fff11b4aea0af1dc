package state

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Apply makes changes that were read from the changelog part of the state, in their
// order, all or nothing; next is the offset to be read then. Standbys use it; a Restore
// is quicker for many. No step may be under way. If next is the changelog's end, the
// state is that of now.
func (t *Task) Apply(changes []Change, next int64, now time.Time) error {
	if err := t.db.enter(); err != nil {
		return err
	}
	defer t.db.exit()
	t.tx.reset()
	p := t.Position()
	p.Next, p.At = next, now
	b := t.db.pebble.NewBatch()
	err := t.fill(b, changes, now.UnixMilli())
	if err == nil {
		err = b.Set(t.positionKey(), p.append(nil), nil)
	}
	if err != nil {
		return errors.Join(err, b.Close())
	}
	if err := t.db.apply(b); err != nil {
		return fmt.Errorf("apply changes to task %d: %w", t.partition, err)
	}
	t.setPosition(p)
	return t.db.flushByTime(now)
}

// fill puts changes that were read into a batch.
func (t *Task) fill(b *pebble.Batch, changes []Change, now int64) error {
	var key []byte
	for _, c := range changes {
		until, err := c.parse()
		if err != nil {
			return fmt.Errorf("changelog of task %d: %w", t.partition, err)
		}
		key = append(append(key[:0], t.prefix...), c.Key...)
		if err := t.put(b, key, c.Value, until, now); err != nil {
			return err
		}
	}
	return nil
}
