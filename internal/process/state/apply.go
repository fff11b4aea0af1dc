package state

import (
	"fmt"
	"time"
)

// Apply makes changes that were read from the changelog part of the state, in their
// order, all or nothing; next is the offset to be read then. The state is that of the
// changelog at a time: now, if next is its end. Standbys use it; a Restore is quicker for
// many. No step may be under way.
func (t *Task) Apply(changes []Change, next int64, at, now time.Time) error {
	if err := t.db.enter(); err != nil {
		return err
	}
	defer t.db.exit()
	parsed, size, err := t.parse(changes)
	if err != nil {
		return err
	}
	t.tx.reset()
	p := t.Position()
	p.Next, p.At = next, at
	err = t.add(p, size, func() {
		for i, c := range changes {
			key := append(append(t.tx.buf[:0], t.prefix...), c.Key...)
			t.tx.buf = key
			t.put(key, t.tx.hash(key), c.Value, parsed[i], now.UnixMilli(), false)
		}
	})
	if err != nil {
		return fmt.Errorf("apply changes to task %d: %w", t.partition, err)
	}
	t.db.flushByTime(now.UnixMilli())
	return nil
}

// parse says when the values of changes that were read expire, and how many bytes the
// changes have.
func (t *Task) parse(changes []Change) (until []int64, size int, err error) {
	until = make([]int64, len(changes))
	for i, c := range changes {
		if until[i], err = c.parse(); err != nil {
			return nil, 0, fmt.Errorf("changelog of task %d: %w", t.partition, err)
		}
		size += len(c.Key) + len(c.Value)
	}
	return until, size, nil
}
