package client

import (
	"context"
	"iter"
	"sync"
)

// A Change is a key of a table whose value is another than before.
type Change[T any] struct {
	Key   string
	Value T
	// There is false if the key has no value any more.
	There bool
}

// A watcher has the keys that changed since they were last asked for: each once, so
// that who is slow gets the newest value only, and takes no more than the table's keys.
type watcher struct {
	mu     sync.Mutex
	keys   []string
	has    map[string]struct{}
	closed bool
	signal chan struct{} // has a token if there is something
}

func (w *watcher) add(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, has := w.has[key]; has {
		return
	}
	w.has[key] = struct{}{}
	w.keys = append(w.keys, key)
	w.poke()
}

// poke wakes who watches. The caller holds mu.
func (w *watcher) poke() {
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

func (w *watcher) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.poke()
}

// take returns the changed keys in the order in which they changed first.
func (w *watcher) take() (keys []string, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys, w.keys = w.keys, nil
	clear(w.has)
	return keys, w.closed
}

// Watch gives what changes in the table from now on, until ctx ends or the table is
// closed. A key that changes again before it is given is given once, with its newest
// value: nobody who is slow costs more memory than the keys. It may be ranged over once.
func (t *Table[T]) Watch(ctx context.Context) iter.Seq[Change[T]] {
	w := &watcher{has: make(map[string]struct{}), signal: make(chan struct{}, 1)}
	t.mu.Lock()
	t.mu.watchers[w] = struct{}{}
	t.mu.Unlock()
	context.AfterFunc(ctx, func() { t.unwatch(w) })
	return func(yield func(Change[T]) bool) {
		defer t.unwatch(w)
		for {
			select {
			case <-w.signal:
			case <-ctx.Done():
				return
			}
			keys, closed := w.take()
			for _, key := range keys {
				value, there := t.Get(key)
				if !yield(Change[T]{key, value, there}) {
					return
				}
			}
			if closed {
				return
			}
		}
	}
}

func (t *Table[T]) unwatch(w *watcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.mu.watchers, w)
}
