package produce

import (
	"context"
	"time"
)

// pace spreads records evenly over time. The n-th is due n/rate after the
// first, so a moment's delay is caught up with and the rate stays true.
type pace struct {
	start time.Time
	rate  float64 // records a second; 0: no limit
}

func newPace(rate float64) pace { return pace{time.Now(), rate} }

// wait waits until the n-th record, counted from 0, is due.
func (p pace) wait(ctx context.Context, n int64) error {
	if p.rate == 0 {
		return nil
	}
	due := p.start.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
	left := time.Until(due)
	if left <= 0 {
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
