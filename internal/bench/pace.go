package bench

import (
	"context"
	"time"
)

// Pace calls send n times at the given rate a second, or until ctx ends. A call
// that comes late is made up for at once, so the rate holds.
func Pace(ctx context.Context, rate int, n int64, send func()) error {
	start := time.Now()
	for i := range n {
		due := start.Add(time.Duration(float64(i) / float64(rate) * float64(time.Second)))
		if wait := time.Until(due); wait > 0 {
			nap(wait)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		send()
	}
	return nil
}
