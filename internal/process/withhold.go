package process

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/gap"
	"github.com/evidentlog/evident/internal/process/timer"
)

// Cut is a moment by both clocks between the timers of one version and those of the version
// that continues it.
type Cut = timer.Cut

// Withholding is which outputs of a version go nowhere, since another version's count, or
// have counted. Dead letters are written all the same.
type Withholding struct {
	// Until is from where on outputs count, by topic and partition: where the version that
	// this one continues has stopped. Nil: none do.
	Until map[string]map[int32]int64
	// Fired is, by task, up to when that version's timers have fired.
	Fired map[int32]Cut
}

// cut is where the outputs of a task begin to count, and its timers are its own. Up to its
// limits the task is where the version was that it continues, when this had stopped: the wall
// clock stands still for timers, and those up to the cut, which were the other version's, fire
// without output. A nil cut is behind the task.
type cut struct {
	at     Cut
	limits map[string]int64 // by topic: the offset after the last record before the cut
	passed bool             // by the step under way
	kept   bool             // the same, as it is committed
}

// openCut finds the cut of a task with timers whose outputs are withheld up to some place.
func (t *task) openCut(ctx context.Context) error {
	t.cut = nil
	w := t.run.p.Withhold
	if w == nil || w.Until == nil || t.kept == nil || !t.run.p.Timers {
		return nil
	}
	c := &cut{at: w.Fired[t.id.Partition], limits: map[string]int64{}}
	var err error
	if c.kept, err = timer.HasPassed(t.timers(), c.at); err != nil {
		return fmt.Errorf("the cut of task %d: %w", t.id.Partition, err)
	}
	c.passed = c.kept
	for _, in := range t.inputs {
		if c.limits[in.topic], err = t.limit(ctx, in, w.Until[in.topic][t.id.Partition]); err != nil {
			return fmt.Errorf("the last record of %q before offset %d: %w", in.topic, w.Until[in.topic][t.id.Partition], err)
		}
	}
	t.cut = c
	return nil
}

// limit is the offset after the last record of an input before a place, which may lie behind
// markers: a task to which nothing more comes would never be there.
func (t *task) limit(ctx context.Context, in *input, until int64) (int64, error) {
	if in.committed >= until {
		return until, nil
	}
	return gap.Partition{Client: t.run.asker, Topic: in.topic, Number: t.id.Partition}.End(ctx, in.committed, until)
}

// reached tells whether the task has handled all records before its cut.
func (t *task) reached() bool {
	for _, in := range t.inputs {
		if in.next < t.cut.limits[in.topic] {
			return false
		}
	}
	return true
}

// before tells whether the task has not passed its cut.
func (t *task) before() bool { return t.cut != nil && !t.cut.passed }

// still is the wall clock's time, but not after the cut.
func (t *task) still(now time.Time) time.Time {
	if at := time.UnixMilli(t.cut.at.Wall); at.Before(now) {
		return at
	}
	return now
}

// clock is the wall clock's time as timers of the task see it. It stands still before the
// cut, so that the task has handled what could take a timer back before that fires.
func (t *task) clock(now time.Time) time.Time {
	if !t.before() {
		return now
	}
	if held := t.still(now); !t.reached() || t.queue.Ready(held) {
		return held
	}
	return now // the cut is passed first
}

// pass has the task pass its cut, if it is there: all that was the other version's has fired.
func (w *worker) pass(t *task) {
	if !t.before() || !t.reached() {
		return
	}
	t.queue.Raise(t.cut.at)
	if t.queue.Ready(t.still(w.run.cfg.Now())) {
		return
	}
	if err := timer.Pass(t.timers(), t.cut.at); err != nil {
		w.broken = fmt.Errorf("timers of task %d: %w", t.id.Partition, err)
		return
	}
	t.cut.passed = true
	w.joins(t)
	t.log.Info("from here on the outputs of timers count", "wall", t.cut.at.Wall, "event", t.cut.at.Event)
}

// waits tells whether a record, which comes next, has to wait until the task has passed its
// cut. Of several inputs, one that is at its place does not wait for the others.
func (t *task) waits(r *kgo.Record) bool {
	if !t.before() || r.Offset < t.cut.limits[r.Topic] {
		return false
	}
	for _, in := range t.inputs {
		if in.topic != r.Topic && in.next < t.cut.limits[in.topic] {
			return false
		}
	}
	return true
}

// mutes tells whether the outputs of a record go nowhere.
func (t *task) mutes(r *kgo.Record) bool {
	w := t.run.p.Withhold
	return w != nil && (w.Until == nil || r.Offset < w.Until[r.Topic][t.id.Partition])
}

// mutesTimer tells whether those of a timer do.
func (t *task) mutesTimer(tm Timer) bool {
	w := t.run.p.Withhold
	return w != nil && (w.Until == nil || t.before() && t.cut.at.Within(tm))
}
