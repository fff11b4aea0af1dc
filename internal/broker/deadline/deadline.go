// Package deadline keeps many deadlines in one heap, so that one goroutine can
// wait for all of them.
package deadline

import (
	"container/heap"
	"sync"
	"time"
)

// Queue holds timers by their deadlines. Its methods may be called concurrently.
type Queue[T any] struct {
	earlier chan struct{} // capacity 1

	mu struct {
		sync.Mutex
		heap timerHeap[T]
	}
}

// Timer has at most one deadline in one Queue.
type Timer[T any] struct {
	// Owner is what [Queue.Take] gives.
	Owner T

	// Guarded by the queue.
	at    time.Time
	index int // in the heap, plus one; 0: not in it
}

// New makes an empty queue.
func New[T any]() *Queue[T] { return &Queue[T]{earlier: make(chan struct{}, 1)} }

// Earlier receives when the first deadline has changed, so that who waits for it
// looks again.
func (q *Queue[T]) Earlier() <-chan struct{} { return q.earlier }

// Set moves the timer's deadline to at; a zero time removes it.
func (q *Queue[T]) Set(t *Timer[T], at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	h := &q.mu.heap
	t.at = at
	switch in := t.index > 0; {
	case in && at.IsZero():
		heap.Remove(h, t.index-1)
	case in:
		heap.Fix(h, t.index-1)
	case !at.IsZero():
		heap.Push(h, t)
	}
	if t.index == 1 {
		select {
		case q.earlier <- struct{}{}:
		default:
		}
	}
}

// Take removes the timers whose deadline has come and returns their owners.
func (q *Queue[T]) Take(now time.Time) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	var due []T
	for h := &q.mu.heap; len(*h) > 0 && !(*h)[0].at.After(now); {
		due = append(due, heap.Pop(h).(*Timer[T]).Owner)
	}
	return due
}

// Next returns the first deadline, zero if there is none.
func (q *Queue[T]) Next() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.mu.heap) == 0 {
		return time.Time{}
	}
	return q.mu.heap[0].at
}

// timerHeap implements heap.Interface.
type timerHeap[T any] []*Timer[T]

func (h timerHeap[T]) Len() int           { return len(h) }
func (h timerHeap[T]) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

func (h timerHeap[T]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (h *timerHeap[T]) Push(x any) {
	t := x.(*Timer[T])
	*h = append(*h, t)
	t.index = len(*h)
}

func (h *timerHeap[T]) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = 0
	return t
}
