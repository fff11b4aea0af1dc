package process

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/group"
	"github.com/evidentlog/evident/internal/process/standby"
)

// steady is how long a membership goes on before what ended the one before is forgotten,
// if no step was committed meanwhile.
const steady = 10 * time.Second

// Trouble is why the version stands still on this node though it is to run; nil if it runs.
// What keeps it from running is tried again for ever.
func (r *Run) Trouble() error {
	if why := r.trouble.Load(); why != nil {
		return *why
	}
	return nil
}

// stands notes why the version stands still.
func (r *Run) stands(why error) { r.trouble.Store(&why) }

// goesOn notes that it does not.
func (r *Run) goesOn() {
	if r.trouble.Load() != nil {
		r.trouble.Store(nil)
	}
}

// forGood tells whether waiting does not mend what keeps a version from running.
func forGood(why error) bool {
	return errors.Is(why, standby.ErrLost) || errors.Is(why, standby.ErrNoPositions) || errors.Is(why, ErrCutBack)
}

// fail ends the membership: only a new beginning is safe, or can say what is wrong.
func (r *Run) fail(why error) {
	select {
	case r.failed <- why:
	default: // something else ends it
	}
}

// settled is how a member waits until nothing of a task is open any more, and what it
// learns of the task's positions by that.
func (r *Run) settled(member *group.Group) func(context.Context, *kgo.Client, int32) (standby.Positions, error) {
	return func(ctx context.Context, client *kgo.Client, task int32) (found standby.Positions, err error) {
		metadata, err := member.Settled(ctx, client, task)
		for _, text := range metadata {
			if m, ok := markOf(text); ok {
				found.Marks = append(found.Marks, m)
			}
		}
		found.None = len(metadata) == 0 && !r.former[task]
		return found, err
	}
}
