package statetopic

import (
	"context"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// A partition that cannot be read is tried again after a while that doubles.
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// Load has every partition that existed when t was made read by load, several at
// a time, and notes which have been. One that cannot be read is tried again
// until ctx ends, after failed has been told why; meanwhile Check refuses its
// keys.
func (t *Topic) Load(ctx context.Context, load func(context.Context, int32) error, failed func(error)) error {
	todo := make([]int32, t.found)
	for i := range todo {
		todo[i] = int32(i)
	}
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		if todo = t.loadEach(ctx, todo, load, failed); len(todo) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// loadEach reads partitions and returns those that could not be read.
func (t *Topic) loadEach(ctx context.Context, partitions []int32, load func(context.Context, int32) error, failed func(error)) []int32 {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	var left []int32
	for _, p := range partitions {
		g.Go(func() error {
			err := load(ctx, p)
			if err == nil {
				(*t.ready.Load())[p].Store(true)
				return nil
			}
			if ctx.Err() == nil {
				failed(err)
			}
			mu.Lock()
			defer mu.Unlock()
			left = append(left, p)
			return nil
		})
	}
	g.Wait()
	return left
}
