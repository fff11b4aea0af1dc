package process

import (
	"context"
	"time"

	"github.com/evidentlog/evident/internal/process/timer"
)

// lastPatience is how long a worker that stops has timers fire, of those that are due.
const lastPatience = 2 * time.Second

// Fired is how far timers of a task have fired.
type Fired = timer.Fired

// last ends the work of a version that is to stop: each task's position says how far its
// timers have fired, and as far as need be those that are due still do, so that a version that
// continues this one can go on between two timers.
func (w *worker) last(hard context.Context) error {
	if w.run.until.Err() == nil || w.run.paused.Load() {
		return nil // another membership follows
	}
	ctx, cancel := context.WithTimeout(hard, lastPatience)
	defer cancel()
	for exact := false; !exact && ctx.Err() == nil; {
		w.step = step{began: time.Now()}
		exact = true
		for _, t := range w.tasks {
			if t.queue != nil && t.doing() == Running && t.isLeaving() == staying {
				exact = w.lastOf(t) && exact
			}
		}
		if w.broken != nil || len(w.step.tasks) == 0 {
			return w.broken
		}
		if err := w.commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

// lastOf makes a task part of the last step, and tells whether there is no need of another one.
func (w *worker) lastOf(t *task) bool {
	t.open(w.run.cfg.Now())
	w.joins(t)
	if t.failing != nil || t.careful > 0 || t.fired().Exact() {
		return true
	}
	w.fire(t)
	return t.fired().Exact()
}

// fired is how far timers have fired, with the step under way.
func (t *task) fired() Fired { return t.queue.Fired(t.clock(t.run.cfg.Now())) }
