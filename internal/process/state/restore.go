package state

import (
	"errors"
	"fmt"
	"time"
)

// A Restore makes the state of a task from its changelog, or what is missing of it, more
// quickly than Apply: it sorts what comes in memory, puts sorted runs aside, merges them,
// and hands Pebble files that are finished. What was added is part of the state after
// Finish, and some of it before. It is for one goroutine, and no step may be under way;
// runs are put aside, and merged, by goroutines of its own. After an error nothing more
// becomes part of the state.
type Restore struct {
	task  *Task
	run   *run // is being filled
	aside aside
	files []*runFile // runs that were put aside, the oldest first
	key   []byte     // of the index of expiry
	next  int64
	fresh bool // there is no state of the task in Pebble
	ended bool
}

// maxRuns is how many runs are merged at once. When there are as many, they become part
// of the state, so that what a crash takes is bounded too.
const maxRuns = 256

// Restore begins to restore a task, which Attach has been called for. Finish or Discard
// has to be called.
func (t *Task) Restore() *Restore {
	t.tx.reset()
	t.db.memory.countRestores(1)
	p := t.Position()
	r := &Restore{task: t, run: &run{}, next: p.Next, fresh: p.At.IsZero()}
	r.aside.writer.fs = t.db.cfg.FS
	return r
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
	if len(r.files) < maxRuns-1 {
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
	r.key = appendExpiry(r.key[:0], 0, slot, c.Key)
	return r.run.add(kindExpiry, nil, r.key[taskPrefix:], []byte{})
}

// putAside begins to put what was added aside.
func (r *Restore) putAside() error {
	if err := r.settle(); err != nil || r.run.items == 0 {
		return err
	}
	db := r.task.db
	r.run = r.aside.begin(r.run, db.folder.path(fmt.Sprintf("restore-%d%s", db.runs.Add(1), runSuffix)))
	return nil
}

// settle waits for the run that is being put aside.
func (r *Restore) settle() error {
	file, err := r.aside.wait()
	if file != nil {
		r.files = append(r.files, file)
	}
	return err
}

// removeRuns removes the files. One that cannot be is left to the next Open.
func (r *Restore) removeRuns() {
	for _, f := range r.files {
		if err := r.task.db.cfg.FS.Remove(f.name); err != nil {
			r.task.db.cfg.Logger.Warn("a file of a restore is left over", "file", f.name, "error", err)
		}
	}
	r.files = nil
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
	_ = r.settle() // nobody wants what is in it
	r.removeRuns()
	r.run, r.aside = nil, aside{}
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
	if err := errors.Join(r.putAside(), r.settle()); err != nil {
		return err
	}
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
	r.fresh = false
	t.expiry = expiry{} // of what came nothing is known
	t.setPosition(p)
	return nil
}
