package group

import (
	"container/heap"
	"sync"
	"time"
)

// timers wakes groups up: one heap for all, one entry a group.
type timers struct {
	earlier chan struct{} // the first deadline has changed; capacity 1

	mu struct {
		sync.Mutex
		queue timerQueue
	}
}

// timer is a group's place in the heap, guarded by timers.mu.
type timer struct {
	at    time.Time
	index int // in the heap, plus one; 0: not in it
}

func newTimers() *timers { return &timers{earlier: make(chan struct{}, 1)} }

// set moves the group's deadline to at; a zero time removes it.
func (t *timers) set(e *entry, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := &t.mu.queue
	e.timer.at = at
	switch in := e.timer.index > 0; {
	case in && at.IsZero():
		heap.Remove(q, e.timer.index-1)
	case in:
		heap.Fix(q, e.timer.index-1)
	case !at.IsZero():
		heap.Push(q, e)
	}
	if e.timer.index == 1 {
		notify(t.earlier)
	}
}

// take removes and returns the groups whose deadline has come.
func (t *timers) take(now time.Time) []*entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	var due []*entry
	for q := &t.mu.queue; q.Len() > 0 && !(*q)[0].timer.at.After(now); {
		due = append(due, heap.Pop(q).(*entry))
	}
	return due
}

// next returns the first deadline, zero if there is none.
func (t *timers) next() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.mu.queue) == 0 {
		return time.Time{}
	}
	return t.mu.queue[0].timer.at
}

// timerQueue implements heap.Interface.
type timerQueue []*entry

func (q timerQueue) Len() int           { return len(q) }
func (q timerQueue) Less(i, j int) bool { return q[i].timer.at.Before(q[j].timer.at) }

func (q timerQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].timer.index, q[j].timer.index = i+1, j+1
}

func (q *timerQueue) Push(x any) {
	e := x.(*entry)
	*q = append(*q, e)
	e.timer.index = len(*q)
}

func (q *timerQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	e.timer.index = 0
	return e
}

// notify tells a channel of capacity 1 that there is something to look at.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
