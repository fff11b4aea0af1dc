package process

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evidentlog/evident/internal/process/txn"
)

// worker runs tasks, step by step, with a transactional producer.
type worker struct {
	run      *Run
	log      *slog.Logger
	producer *txn.Producer
	runner   *runner
	lanes    []*lane // for code that takes several records at once
	out      *outbox
	wake     chan struct{} // holds one if there may be something to do
	// hurry has the runner end after the call under way: a task is to be given up.
	hurry atomic.Bool

	mu struct {
		sync.Mutex
		arriving []*task // that the worker has not taken yet
		load     int     // tasks, with those that arrive
		closed   bool    // none is taken any more
	}

	// The worker's own goroutine owns what follows.
	tasks []*task
	turn  int // of tasks: where the next step begins
	step  step
	// broken is why only a new beginning is safe: state cannot be read or written.
	broken error
}

// call has the worker look around.
func (w *worker) call() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take gives the worker a task.
func (w *worker) take(t *task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.load++
	if w.mu.closed {
		w.run.preparing.Go(func() { w.release(t) })
		return
	}
	w.mu.arriving = append(w.mu.arriving, t)
	w.call()
}

// work runs steps until ctx ends; then the step that is under way is committed, or
// given up when hard ends.
func (w *worker) work(ctx, hard context.Context) error {
	defer w.close(hard)
	defer w.giveUp()
	stop := context.AfterFunc(ctx, func() { w.hurry.Store(true); w.call() })
	defer stop()
	for {
		w.arrive()
		w.leave()
		if ctx.Err() != nil {
			return w.last(hard)
		}
		did, err := w.doStep(ctx, hard)
		if err != nil {
			return err
		}
		if !did {
			w.rest(ctx)
		}
	}
}

// arrive takes the tasks on that were given to the worker.
func (w *worker) arrive() {
	w.mu.Lock()
	arriving := w.mu.arriving
	w.mu.arriving = nil
	w.mu.Unlock()
	w.tasks = append(w.tasks, arriving...)
}

// leave gives up the tasks that are to be given up; no step is under way.
func (w *worker) leave() {
	w.hurry.Store(false)
	w.tasks = slices.DeleteFunc(w.tasks, func(t *task) bool {
		if t.isLeaving() == staying {
			return false
		}
		w.release(t)
		return true
	})
}

// giveUp gives all tasks up.
func (w *worker) giveUp() {
	w.mu.Lock()
	w.mu.closed = true
	w.mu.Unlock()
	w.arrive()
	for _, t := range w.tasks {
		w.release(t)
	}
	w.tasks = nil
}

// release lets go of a task.
func (w *worker) release(t *task) {
	t.close()
	w.mu.Lock()
	w.mu.load--
	w.mu.Unlock()
	close(t.released)
}

// close ends what the worker has.
func (w *worker) close(hard context.Context) {
	if err := w.producer.Abort(hard); err != nil {
		w.log.Warn("a transaction was left open, and is aborted by its timeout", "error", err)
	}
	w.producer.Close()
	w.runner.close()
	for _, l := range w.lanes {
		l.runner.close()
	}
}

// rest waits until there may be something to do.
func (w *worker) rest(ctx context.Context) {
	wait := idle
	now := w.run.cfg.Now()
	for _, t := range w.tasks {
		if err := t.touch(now); err != nil {
			w.broken = err
		}
		if until := t.wakes(now); !until.IsZero() {
			wait = min(wait, max(until.Sub(now), 0))
		}
	}
	w.sleep(ctx, wait)
}

// idle is the longest that a worker rests.
const idle = time.Second

// sleep waits for a while, or until the worker is called.
func (w *worker) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.wake:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// next is the task whose turn it is, of those with something to do.
func (w *worker) next(now time.Time) *task {
	for i := range w.tasks {
		at := (w.turn + i) % len(w.tasks)
		if t := w.tasks[at]; t.ready(now) {
			w.turn = at + 1
			return t
		}
	}
	return nil
}

// stateBytes is what the step's changes of state take in memory.
func (w *worker) stateBytes() (n int) {
	for _, t := range w.step.tasks {
		if t.touched {
			n += t.tx.Bytes()
		}
	}
	return n
}
