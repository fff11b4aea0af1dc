package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/process/standby"
	"github.com/evidentlog/evident/internal/process/state"
	"github.com/evidentlog/evident/internal/process/timer"
	"github.com/evidentlog/evident/internal/process/txn"
)

// keeping is the state of a task, and its timers, with the step that is under way. All
// is nil without state; queue is nil without timers.
type keeping struct {
	kept    *state.Task
	tx      *state.Tx // of the step under way
	touched bool      // the step under way has begun
	queue   *timer.Queue
	cut     *cut // where timers begin to count; nil: they do

	mark  state.Mark // the savepoint
	armed timer.Mark
}

// timers is the state that timers are in, in the step under way.
func (k *keeping) timers() timerStore { return timerStore{k.tx.Store(timer.StoreName)} }

// open begins a step, if there is none, or goes on with it at a time.
func (k *keeping) open(now time.Time) {
	switch {
	case k.kept == nil:
	case k.touched:
		k.tx.SetNow(now)
	default:
		k.tx, k.touched = k.kept.Begin(now), true
	}
}

func (k *keeping) save() {
	if k.tx != nil {
		k.mark = k.tx.Mark()
	}
	if k.queue != nil {
		k.armed = k.queue.Savepoint()
	}
}

func (k *keeping) undo() {
	if k.tx != nil {
		k.tx.Undo(k.mark)
	}
	if k.queue != nil {
		k.queue.Undo(k.armed)
	}
}

// aborted takes back what the step did.
func (k *keeping) aborted() {
	if k.touched {
		k.tx.Discard()
		k.touched = false
	}
	if k.queue != nil {
		k.queue.Aborted()
	}
	if k.cut != nil {
		k.cut.passed = k.cut.kept
	}
}

// expireAtOnce is how many keys that have expired a step deletes at most, beside what the
// code does.
const expireAtOnce = 1000

// complete adds what the step changes beside what the code did.
func (t *task) complete() error {
	if t.queue != nil {
		if err := t.queue.Save(t.timers()); err != nil {
			return err
		}
	}
	_, err := t.tx.Expire(expireAtOnce)
	return err
}

// record writes what the step has changed for the changelog.
func (t *task) record(to *txn.Topic, b *txn.Buffer) error {
	if !t.touched {
		return nil
	}
	if id := t.kept.Position().Changelog; to.ID != id {
		return t.run.lost(fmt.Errorf("%w: the changelog %q was made anew: its id is %x, and that of the state is %x", standby.ErrLost, to.Name, to.ID, id))
	}
	if err := t.complete(); err != nil {
		return err
	}
	now := t.run.cfg.Now().UnixMilli()
	for _, c := range t.tx.Changes() {
		if err := b.Append(to, t.id.Partition, batch.Record{Timestamp: now, Key: c.Key, Value: c.Value}); err != nil {
			return fmt.Errorf("a change of state cannot be written to the changelog: %w: raise it, and the processor goes on", err)
		}
	}
	return nil
}

// committed makes what the step has changed, and what is now in the changelog, part of
// the state. It is tried again while the disk is full; any other error, and the end of
// ctx, leave the state to be restored.
func (t *task) committed(ctx context.Context, b *txn.Buffer) error {
	if !t.touched {
		return nil
	}
	next := b.End(t.run.p.changelog(), t.id.Partition)
	for failures := 0; next > 0; failures++ {
		err := t.tx.Commit(next)
		if err == nil {
			break
		}
		if !errors.Is(err, state.ErrFull) || ctx.Err() != nil {
			return err
		}
		t.log.Error("there is no room on the disk for state: the task waits for some", "error", err)
		pause(ctx, backoff(failures))
	}
	if next == 0 {
		if err := t.tx.Unchanged(); err != nil {
			return err
		}
	}
	t.touched = false
	if t.queue != nil {
		t.queue.Committed()
	}
	if t.cut != nil {
		t.cut.kept = t.cut.passed
	}
	return nil
}

// touchEvery is how often it is noted that the state of a task with nothing to do is that
// of the changelog's end. State that is older than the changelog keeps deletions
// (delete.retention.ms, a day by default) is made again whole.
const touchEvery = 10 * time.Minute

// touch notes that, if it is time to.
func (t *task) touch(now time.Time) error {
	if t.kept == nil || now.Sub(t.kept.Position().At) < touchEvery {
		return nil
	}
	if err := t.kept.Touch(now); err != nil && !errors.Is(err, state.ErrFull) { // it is tried again
		return fmt.Errorf("state of task %d, which is idle: %w", t.id.Partition, err)
	}
	return nil
}

// broken is why state cannot be read or written any more, or nil.
func (t *task) broken() error {
	if t.kept == nil {
		return nil
	}
	return t.run.db.Err()
}
