package process

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/evidentlog/evident/internal/process/timer"
)

// prepare makes state and code ready, however often it has to try, and gives the task to
// a worker; or releases it, if it is given up meanwhile.
func (t *task) prepare() {
	for failures := 0; ; failures++ {
		err := t.makeReady(t.ctx)
		if err == nil && t.handOver() {
			return
		}
		t.letGo()
		if t.ctx.Err() != nil || t.isLeaving() != staying {
			t.close()
			close(t.released)
			return
		}
		if forGood(err) {
			t.run.fail(t.run.lost(err)) // nobody else's tasks go on, either
		}
		t.setState(Restoring, err.Error())
		t.log.Log(t.ctx, levelOf(failures), "a task cannot begin, and tries again", "error", err)
		pause(t.ctx, backoff(failures))
	}
}

// handOver gives the task to a worker, unless it is given up.
func (t *task) handOver() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.leaving != staying {
		return false
	}
	t.mu.state, t.mu.reason, t.mu.readable = Running, "", t.keeping.kept
	t.worker = t.run.least()
	t.worker.take(t)
	return true
}

// makeReady restores the state and makes the code.
func (t *task) makeReady(ctx context.Context) error {
	if t.run.p.stateful() {
		began := time.Now()
		s, err := t.run.copies.Restore(ctx, t.id.Partition)
		if err != nil {
			return err
		}
		t.keeping = keeping{kept: s}
		t.log.Info("the task's state is there", "took", time.Since(began), "changelog_offset", s.Position().Next)
	}
	return t.makeCode(ctx)
}

// makeCode reads the timers and makes the code.
func (t *task) makeCode(ctx context.Context) (err error) {
	t.open(t.run.cfg.Now())
	defer t.aborted()
	if t.run.p.Timers && t.queue == nil {
		if err := t.openTimers(ctx); err != nil {
			return fmt.Errorf("reading the timers: %w", err)
		}
	}
	if err := t.newCode(); err != nil {
		return err
	}
	return ctx.Err()
}

// openTimers reads the timers, and where they begin to count.
func (t *task) openTimers(ctx context.Context) (err error) {
	if err := t.openCut(ctx); err != nil {
		return err
	}
	now := t.run.cfg.Now()
	if t.before() {
		now = t.still(now)
	}
	t.queue, err = timer.Open(t.timers(), timer.Config{Lateness: t.run.p.Lateness, Now: now})
	return err
}

// newCode makes the code, and has it read its state if it wants to.
func (t *task) newCode() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("making the code: panic: %v\n%s", p, debug.Stack())
		}
	}()
	t.handler = t.run.p.New(t.id)
	if _, ok := t.handler.(TimerHandler); !ok && t.run.p.Timers {
		return fmt.Errorf("%w: %q says Timers, and its code, a %T, has no Fire", ErrInvalid, t.id.Processor, t.handler)
	}
	o, ok := t.handler.(Opener)
	if !ok {
		return nil
	}
	c := &call{task: t, out: &outbox{}, began: time.Now(), deadline: forever, timestamp: t.run.cfg.Now()}
	defer c.end()
	if err := o.Open(c); err != nil {
		return fmt.Errorf("opening the code: %w", err)
	}
	return nil
}

// forever is the deadline of what has none.
const forever = 1000 * time.Hour

// letGo gives the state back.
func (t *task) letGo() {
	if t.kept != nil {
		t.mu.Lock()
		t.mu.readable = nil
		t.mu.Unlock()
		t.aborted()
		t.keeping = keeping{}
		t.run.copies.Release(t.id.Partition)
	}
}

// restoring is how many changes have been read, and how many there are to be.
func (t *task) restoring() (read, all int64) {
	k := t.run.keeper()
	if k == nil {
		return 0, 0
	}
	s := k.Status()[t.id.Partition]
	return max(0, s.Next-s.From), max(0, s.End-s.From)
}
