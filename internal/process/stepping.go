package process

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// longestStep is after how long a step ends though there is more to do.
	longestStep = 100 * time.Millisecond
	// linger is for how long a step waits for more.
	linger = time.Millisecond
	// most is how many records code is given before the worker looks around.
	most = 512
	// stepBytes is about how much a step may write.
	stepBytes = 8 << 20
)

// step is what a worker does between the begin and the end of a transaction.
type step struct {
	began   time.Time
	tasks   []*task // that take part
	records int
	timers  []Timer // that have fired
	letters int     // dead letters among its outputs
}

// doStep does a step, if there is something to do. An error means that this node
// cannot know how it ended.
func (w *worker) doStep(ctx, hard context.Context) (did bool, err error) {
	w.step = step{began: time.Now(), tasks: w.step.tasks[:0], timers: w.step.timers[:0]}
	for w.goesOn(ctx) {
		if t := w.next(w.run.cfg.Now()); t != nil {
			if t.careful > 0 && len(w.step.tasks) > 0 {
				w.turn-- // it wants a step of its own
				break
			}
			w.advance(t)
			if t.careful > 0 && len(w.step.tasks) > 0 {
				break
			}
			continue
		}
		left := linger - time.Since(w.step.began)
		if len(w.step.tasks) == 0 || left <= 0 {
			break
		}
		w.sleep(ctx, left)
	}
	switch {
	case w.broken != nil:
		return false, w.broken
	case len(w.step.tasks) == 0:
		return false, nil
	}
	return true, w.commit(hard)
}

// goesOn tells whether more may become part of the step.
func (w *worker) goesOn(ctx context.Context) bool {
	return ctx.Err() == nil && w.broken == nil && !w.hurry.Load() && w.out.buffer.Size()+w.stateBytes() < stepBytes && time.Since(w.step.began) < longestStep
}

// advance has some of a task's records handled.
func (w *worker) advance(t *task) {
	t.open(w.run.cfg.Now())
	w.pass(t)
	if t.due(w.run.cfg.Now()) && w.fire(t) {
		return
	}
	records := t.in.peek(t.most())
	if len(records) == 0 {
		return
	}
	if t.failing.is(records[0]) && t.failing.attempts >= w.run.policy.Attempts {
		if w.bury(t, records[0]) {
			w.handled(t, records[:1])
		}
		return
	}
	n, failure := w.handle(t, records)
	w.handled(t, records[:n])
	if failure != nil {
		w.failed(t, records[n], failure)
	}
}

// joins makes a task part of the step.
func (w *worker) joins(t *task) {
	for _, part := range w.step.tasks {
		if part == t {
			return
		}
	}
	w.step.tasks = append(w.step.tasks, t)
}

// handled makes records part of the step.
func (w *worker) handled(t *task, records []*kgo.Record) {
	if len(records) == 0 {
		return
	}
	w.joins(t)
	last := records[len(records)-1]
	in := t.input(last.Topic)
	in.next = last.Offset + 1
	t.in.advance(len(records))
	w.step.records += len(records)
	if t.failing.is(last) {
		t.failing.handled = true
	}
}
