package process

import (
	"context"
	"log/slog"
	"time"
)

// longestBackoff is the longest wait before something is asked of the cluster again.
const longestBackoff = 5 * time.Second

// backoff is how long to wait after so many failures of the cluster.
func backoff(failures int) time.Duration {
	return min(10*time.Millisecond<<min(failures, 20), longestBackoff)
}

// pause waits for a while, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// levelOf is how loud it is said that something has failed: the first few times may be
// what passes by itself.
func levelOf(failures int) slog.Level {
	if failures < 5 {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}
