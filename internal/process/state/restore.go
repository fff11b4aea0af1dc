package state

import (
	"fmt"
	"time"
)

// A Restore makes the state of a task from its changelog, or what is missing of it, more
// quickly than Apply: it sorts what comes in memory, puts sorted runs aside, merges them,
// and hands Pebble files that are finished. What was added is part of the state after
// Finish, and some of it before. It is for one goroutine, and no step may be under way.
type Restore struct {
	task  *Task
	run   run
	files []string // runs that were put aside, the oldest first
	next  int64
	fresh bool // there is no state of the task in Pebble
	ended bool
}

// maxRuns is how many runs are merged at once. When there are as many, they become part
// of the state, so that what a crash takes is bounded too.
const maxRuns = 128

// Restore begins to restore a task, which Attach has been called for. Finish or Discard
// has to be called.
func (t *Task) Restore() *Restore {
	t.tx.reset()
	t.db.memory.countRestores(1)
	p := t.Position()
	return &Restore{task: t, next: p.Next, fresh: p.At.IsZero()}
}

// Add takes changes that were read from the changelog, in their order; next is the offset
// to be read then. It keeps none of the slices.
func (r *Restore) Add(changes []Change, next int64, now time.Time) error {
	for i := range changes {
		if err := r.add(&changes[i], now.UnixMilli()); err != nil {
			return fmt.Errorf("changelog of task %d: %w", r.task.partition, err)
		}
	}
	r.next = next
	if r.run.size() < r.task.db.memory.runSize() {
		return nil
	}
	if err := r.putAside(); err != nil {
		return fmt.Errorf("restore task %d: %w", r.task.partition, err)
	}
	if len(r.files) < maxRuns {
		return nil
	}
	return r.install(time.Time{})
}

// add puts a change into the run, and what it means for the index of expiry.
func (r *Restore) add(c *Change, now int64) error {
	until, err := c.parse()
	if err != nil {
		return err
	}
	n := 1 + int(c.Key[0])
	if err := r.run.add(kindData, c.Key[:n], c.Key[n:], c.Value); err != nil || until == never {
		return err
	}
	slot := expirySlot(until, now)
	key := appendExpiry(nil, 0, slot, c.Key)
	return r.run.add(kindExpiry, nil, key[taskPrefix:], []byte{})
}

// Finish makes all that was added part of the state, which is that of the changelog's
// end now; the zero time is for a state that is older than that. The restore is over,
// also if that fails.
func (r *Restore) Finish(now time.Time) error {
	if r.ended {
		return nil
	}
	err := r.install(now)
	r.Discard()
	if err != nil {
		return fmt.Errorf("restore task %d: %w", r.task.partition, err)
	}
	return nil
}

// Discard ends the restore, unless it has been finished. The state is that of the task's
// Position.
func (r *Restore) Discard() {
	if r.ended {
		return
	}
	r.ended = true
	r.removeRuns()
	r.run = run{}
	r.task.db.memory.countRestores(-1)
}

// install makes what was added part of the state. The zero time is for a state that is
// older than the changelog's end.
func (r *Restore) install(now time.Time) error {
	t := r.task
	if err := t.db.enter(); err != nil {
		return err
	}
	defer t.db.exit()
	if err := t.drain(); err != nil {
		return err
	}
	p := t.Position()
	p.Next = r.next
	if !now.IsZero() || p.At.IsZero() {
		p.At = time.UnixMilli(max(1, now.UnixMilli()))
	}
	if err := r.merge(p); err != nil {
		return err
	}
	r.removeRuns()
	r.run.clear()
	r.fresh = false
	t.expiry = expiry{} // of what came nothing is known
	t.setPosition(p)
	return nil
}
