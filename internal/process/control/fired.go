package control

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
)

// Fired is, by task, how far the timers of a version have fired. A task without a position,
// or one that was only set, has fired none.
type Fired map[int32]process.Fired

// FiredOf reads how far the timers of a version have fired that has stopped, from what was
// committed with its positions. The latest is told by the first input.
func FiredOf(ctx context.Context, client *kgo.Client, p process.Processor) (Fired, error) {
	if !p.Timers {
		return nil, nil
	}
	found, err := committed(ctx, client, process.GroupName(p))
	all := Fired{}
	for task, o := range found[p.Inputs[0]] {
		if f, ok := process.FiredOf(o.Metadata); ok {
			all[task] = f
		}
	}
	return all, err
}

// Declared is the cut at which another version goes on: by task.
func (f Fired) Declared() []process.Cut {
	var all []process.Cut
	for task, fired := range f {
		if short := int(task) + 1 - len(all); short > 0 {
			all = append(all, make([]process.Cut, short)...)
		}
		all[task] = fired.Through
	}
	return all
}

// Follows says why a version that has come so far, with outputs that were withheld, cannot go
// on where another one has stopped without leaving out timers, or having them twice.
func (f Fired) Follows(other Fired) error {
	for task, o := range other {
		mine, both := f[task]
		if o.Exact() && (!both || !mine.Last.After(o.Through)) {
			continue
		}
		return fmt.Errorf("task %d has stopped amid timers that were due: those up to %+v have fired, and one of %+v (wall clock and event time, ms since 1970)", task, o.Through, later(o.Last, mine.Last))
	}
	return nil
}

func later(a, b process.Cut) process.Cut {
	return process.Cut{Wall: max(a.Wall, b.Wall), Event: max(a.Event, b.Event)}
}

// cutsOf are cuts as they are declared.
func cutsOf(fired []process.Cut) map[int32]process.Cut {
	all := map[int32]process.Cut{}
	for task, cut := range slices.All(fired) {
		all[int32(task)] = cut
	}
	return all
}
