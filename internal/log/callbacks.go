package log

import "sync"

// callbackQueue calls functions on a goroutine of its own, for callers that
// hold a lock.
type callbackQueue struct {
	mu struct {
		sync.Mutex
		list   []func(error)
		closed bool
	}
	filled sync.Cond
}

func (q *callbackQueue) init() { q.filled.L = &q.mu }

func (q *callbackQueue) add(f func(error)) {
	q.mu.Lock()
	q.mu.list = append(q.mu.list, f)
	q.mu.Unlock()
	q.filled.Signal()
}

// run calls what is added until the queue is closed.
func (q *callbackQueue) run() {
	for {
		q.mu.Lock()
		for len(q.mu.list) == 0 && !q.mu.closed {
			q.filled.Wait()
		}
		list := q.mu.list
		q.mu.list = nil
		q.mu.Unlock()
		if len(list) == 0 {
			return
		}
		call(list, nil)
	}
}

func (q *callbackQueue) close() {
	q.mu.Lock()
	q.mu.closed = true
	q.mu.Unlock()
	q.filled.Broadcast()
}
