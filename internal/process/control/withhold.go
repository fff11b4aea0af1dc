package control

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/group"
)

// withhold has code whose outputs go nowhere: none of them without limits, or those of
// records before them. Outputs of timers count once all inputs of the task are there.
func (c *Controller) withhold(p *process.Processor, limits Offsets) {
	made, name := p.New, group.Name(p.Name, p.Version)
	own := func(ctx context.Context) (Offsets, error) { return Positions(ctx, c.cfg.Client, name) }
	p.New = func(t process.Task) process.Handler {
		h := &quiet{inner: made(t), task: t.Partition, limits: limits, own: own}
		if timed, ok := h.inner.(process.TimerHandler); ok {
			return &quietTimed{quiet: h, inner: timed, behind: map[string]bool{}}
		}
		return h
	}
}

// quiet is code some of whose outputs are withheld.
type quiet struct {
	inner  process.Handler
	task   int32
	limits Offsets // nil: all are
	own    func(context.Context) (Offsets, error)
}

// limit is the offset from which on outputs of a topic's records count.
func (q *quiet) limit(topic string) int64 { return q.limits[topic][q.task] }

// Handle lets the code handle a record.
func (q *quiet) Handle(s process.Step, r *kgo.Record) error {
	if q.limits == nil || r.Offset < q.limit(r.Topic) {
		s = mute{s}
	}
	return q.inner.Handle(s, r)
}

// Open lets the code read its state, if it wants to.
func (q *quiet) Open(s process.Step) error {
	if o, ok := q.inner.(process.Opener); ok {
		return o.Open(s)
	}
	return nil
}

// quietTimed is quiet code with timers.
type quietTimed struct {
	*quiet
	inner  process.TimerHandler
	behind map[string]bool // inputs that are before their limits
}

// Open finds out where the task is.
func (q *quietTimed) Open(s process.Step) error {
	if q.limits != nil {
		at, err := q.own(s.Context())
		if err != nil {
			return fmt.Errorf("where task %d is: %w", q.task, err)
		}
		for topic := range q.limits {
			q.behind[topic] = at[topic][q.task] < q.limit(topic)
		}
	}
	return q.quiet.Open(s)
}

// Handle lets the code handle a record, and notes whether that is the last one before the
// limit.
func (q *quietTimed) Handle(s process.Step, r *kgo.Record) error {
	q.behind[r.Topic] = r.Offset+1 < q.limit(r.Topic)
	return q.quiet.Handle(s, r)
}

// Fire lets the code have its timer.
func (q *quietTimed) Fire(s process.Step, t process.Timer) error {
	if q.limits == nil || q.isBehind() {
		s = mute{s}
	}
	return q.inner.Fire(s, t)
}

func (q *quietTimed) isBehind() bool {
	for _, behind := range q.behind {
		if behind {
			return true
		}
	}
	return false
}

// mute is a step without outputs.
type mute struct{ process.Step }

// Emit writes nothing.
func (mute) Emit(process.Output) error { return nil }
