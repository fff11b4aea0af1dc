package state

import "time"

// A Restore makes the state of a task from its changelog, or what is missing of it, more
// quickly than Apply. What it has read is part of the state after Finish, and some of it
// before. It is for one goroutine.
type Restore struct{ task *Task }

// Restore begins to restore a task, which Attach has been called for.
func (t *Task) Restore() *Restore { return &Restore{task: t} }

// Add takes changes that were read from the changelog, in their order; next is the offset
// to be read then. It keeps none of the slices.
func (r *Restore) Add(changes []Change, next int64, now time.Time) error {
	return r.task.Apply(changes, next, now)
}

// Finish makes all that was added part of the state. The restore is over, also if that
// fails: the state is then that of the task's Position, or the DB has failed.
func (r *Restore) Finish(now time.Time) error { return nil }
