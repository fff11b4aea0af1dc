package anchor

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// A turn is when a receipt is gone on with. Each has its own: one that fails
// keeps no other waiting.
type turn struct {
	Patience
	last time.Time // when it was gone on with
}

// maxTurns is how many receipts are gone on with in a step.
const maxTurns = 64

// turn returns the turn of a receipt.
func (r *Runner) turn(p place) *turn {
	if r.turns[p.size] == nil {
		r.turns[p.size] = &turn{}
	}
	return r.turns[p.size]
}

// choose returns the receipts whose turn it is: those that prove nothing yet
// first, and of each sort the one first that has waited longest.
func (r *Runner) choose(now time.Time) []place {
	unfinished := r.cfg.Store.unfinished(r.kind, now)
	sizes := map[int64]bool{}
	for _, p := range unfinished {
		sizes[p.size] = true
	}
	maps.DeleteFunc(r.turns, func(size int64, _ *turn) bool { return !sizes[size] })
	ready := slices.DeleteFunc(unfinished, func(p place) bool { return !r.turn(p).Ready(now) })
	slices.SortStableFunc(ready, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.state, b.state), r.turn(a).last.Compare(r.turn(b).last))
	})
	return ready[:min(len(ready), maxTurns)]
}

// goOn goes on with receipts, for no longer than stepTime. What it did not come
// to is first in the next step.
func (r *Runner) goOn(ctx context.Context, now time.Time) (failed []error, fatal error) {
	timely, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	for _, p := range r.choose(now) {
		if timely.Err() != nil {
			break
		}
		err, fatal := r.attempt(timely, now, p)
		if fatal != nil {
			return nil, fatal
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return failed, nil
}

// attempt goes on with one receipt, and says when its next turn is.
func (r *Runner) attempt(ctx context.Context, now time.Time, p place) (tried, fatal error) {
	tried, fatal = r.upgrade(ctx, p)
	if fatal != nil {
		return nil, fatal
	}
	t := r.turn(p)
	t.last = now
	if tried != nil {
		t.Failed(now, r.cfg.Interval)
		return tried, nil
	}
	t.Succeeded()
	t.rest(now, pause(p.state, now.Sub(p.submitted)))
	return nil, nil
}

// pause is how long a receipt is left alone after nothing was wrong with it: the
// older it is, the less will change soon.
func pause(s State, age time.Duration) time.Duration {
	const (
		share         = 10
		longest       = time.Hour
		longestUsable = 6 * time.Hour
	)
	most := longest
	if s == Usable {
		most = longestUsable
	}
	return min(max(age, 0)/share, most)
}
