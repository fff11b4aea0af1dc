package share

import (
	"container/list"
	"sync"

	"github.com/evidentlog/evident/internal/log"
)

// line is those who wait for records of a share-partition, longest first. It
// implements [log.Watcher].
type line struct {
	mu struct {
		sync.Mutex
		waiting list.List // of *stander
		event   uint64    // counts what made records available
	}
}

// stander is a waiter's place in a line.
type stander struct {
	waiter   *waiter
	element  *list.Element // nil: it has been called
	declined uint64        // event that was not enough for the waiter
}

// waiter is a fetch that waits, in any number of lines. places belongs to the
// fetch, what is in it to the lines.
type waiter struct {
	called chan struct{} // capacity 1
	places map[*line]*stander
}

func newWaiter() *waiter {
	return &waiter{called: make(chan struct{}, 1), places: make(map[*line]*stander)}
}

// stand puts w at the end of the line, unless it stands there.
func (l *line) stand(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := w.places[l]
	if s == nil {
		s = &stander{waiter: w}
		w.places[l] = s
	}
	if s.element == nil {
		s.element = l.mu.waiting.PushBack(s)
	}
}

// decline says that what there is is not enough for w: until there is more,
// others are called.
func (l *line) decline(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := w.places[l]; s != nil {
		s.declined = l.mu.event
	}
	l.callNext()
}

// leave takes w out of the line. It reports whether w had been called: then
// somebody else should be.
func (l *line) leave(w *waiter) (called bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := w.places[l]
	if s == nil {
		return false
	}
	delete(w.places, l)
	if s.element == nil {
		return true
	}
	l.mu.waiting.Remove(s.element)
	return false
}

// call calls the first in line: there is something new.
func (l *line) call() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.event++
	l.callNext()
}

// callNext calls the first in line to whom what there is may be enough. Who is
// called does not stand in line any more. The lock is held.
func (l *line) callNext() {
	for e := l.mu.waiting.Front(); e != nil; e = e.Next() {
		s := e.Value.(*stander)
		if s.declined == l.mu.event {
			continue
		}
		l.mu.waiting.Remove(e)
		s.element = nil
		select {
		case s.waiter.called <- struct{}{}:
		default:
		}
		return
	}
}

// Advanced implements [log.Watcher]: there are more records.
func (l *line) Advanced(*log.Partition) { l.call() }
