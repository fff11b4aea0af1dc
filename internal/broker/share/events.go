package share

import "sync"

// events is the queue from callbacks, which must not wait for a lock, to the
// goroutine of Run.
type events struct {
	some chan struct{} // capacity 1

	mu struct {
		sync.Mutex
		list []func()
	}
}

func newEvents() *events { return &events{some: make(chan struct{}, 1)} }

// add has f called by Run.
func (e *events) add(f func()) {
	e.mu.Lock()
	e.mu.list = append(e.mu.list, f)
	e.mu.Unlock()
	select {
	case e.some <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (e *events) take() []func() {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := e.mu.list
	e.mu.list = nil
	return list
}
