package share

import (
	"context"
	"sync"
)

// flush is a write to come, for which several may wait.
type flush struct {
	done chan struct{} // closed when it has ended

	mu struct {
		sync.Mutex
		ended bool
		err   error // why it failed
		then  []func(error)
	}
}

func newFlush() *flush { return &flush{done: make(chan struct{})} }

// finish ends the flush and calls those who asked for it.
func (f *flush) finish(err error) {
	f.mu.Lock()
	f.mu.ended, f.mu.err = true, err
	then := f.mu.then
	f.mu.then = nil
	f.mu.Unlock()
	close(f.done)
	for _, fn := range then {
		fn(err)
	}
}

// after calls fn when the flush has ended, perhaps at once.
func (f *flush) after(fn func(error)) {
	f.mu.Lock()
	if !f.mu.ended {
		f.mu.then = append(f.mu.then, fn)
		f.mu.Unlock()
		return
	}
	err := f.mu.err
	f.mu.Unlock()
	fn(err)
}

// wait waits until the flush has ended and returns why it failed. A nil flush
// has ended well.
func (f *flush) wait(ctx context.Context) error {
	if f == nil {
		return nil
	}
	select {
	case <-f.done:
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.mu.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// afterAll calls fn once, with the first error, when all flushes have ended.
func afterAll(flushes []*flush, fn func(error)) {
	var mu sync.Mutex
	var failed error
	left := len(flushes) + 1
	one := func(err error) {
		mu.Lock()
		if failed == nil {
			failed = err
		}
		left--
		last := left == 0
		mu.Unlock()
		if last {
			fn(failed)
		}
	}
	for _, f := range flushes {
		f.after(one)
	}
	one(nil)
}
