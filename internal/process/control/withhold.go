package control

import (
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
)

// A plan is how a version is to run.
type plan struct {
	Version
	// withheld: its outputs go nowhere.
	withheld bool
	mark     string // of its code
}

// limits are from where on outputs count.
type limits struct {
	from Offsets
	// passed are the tasks all of whose inputs were there at the start.
	passed map[int32]bool
}

// newLimits are those of a version that has come to own.
func newLimits(from, own Offsets) *limits {
	l := &limits{from: from, passed: map[int32]bool{}}
	for topic, partitions := range from {
		for p, at := range partitions {
			before, seen := l.passed[p]
			l.passed[p] = (before || !seen) && own[topic][p] >= at
		}
	}
	return l
}

// withhold makes code whose outputs go nowhere: none of them, or those of records before
// the limits. Outputs of timers count once a record behind them has come.
func withhold(made func(process.Task) process.Handler, l *limits) func(process.Task) process.Handler {
	return func(t process.Task) process.Handler {
		h := &quiet{inner: made(t), limits: l}
		if l != nil {
			passed, known := l.passed[t.Partition]
			h.passed.Store(passed || !known)
		}
		return h
	}
}

// quiet is code some of whose outputs are withheld.
type quiet struct {
	inner  process.Handler
	limits *limits // nil: all are
	passed atomic.Bool
}

// Handle lets the code handle a record.
func (q *quiet) Handle(s process.Step, r *kgo.Record) error {
	if q.limits == nil || r.Offset < q.limits.from[r.Topic][r.Partition] {
		return q.inner.Handle(mute{s}, r)
	}
	q.passed.Store(true)
	return q.inner.Handle(s, r)
}

// Fire lets the code have its timer.
func (q *quiet) Fire(s process.Step, t process.Timer) error {
	if !q.passed.Load() {
		s = mute{s}
	}
	return q.inner.(process.TimerHandler).Fire(s, t)
}

// Open lets the code read its state, if it wants to.
func (q *quiet) Open(s process.Step) error {
	if o, ok := q.inner.(process.Opener); ok {
		return o.Open(s)
	}
	return nil
}

// mute is a step without outputs.
type mute struct{ process.Step }

// Emit writes nothing.
func (mute) Emit(process.Output) error { return nil }
