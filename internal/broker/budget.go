package broker

import "sync"

// budget bounds the memory of all requests together. Readers that ask for more
// than is left wait, except one: the holder of the lane may exceed the budget,
// so that requests that are half read cannot wait for one another for ever.
// The budget is therefore exceeded by one request at most.
type budget struct {
	mu struct {
		sync.Mutex
		free   int64
		lane   *hold // who may exceed the budget
		closed bool
	}
	changed sync.Cond // uses mu
}

// hold is what one request has taken. It belongs to one goroutine at a time.
type hold struct{ bytes int64 }

func newBudget(bytes int64) *budget {
	b := new(budget)
	b.mu.free = bytes
	b.changed.L = &b.mu
	return b
}

// take adds n bytes to h, waiting until they are there. It returns false if the
// budget was closed.
func (b *budget) take(h *hold, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.mu.free < n && !b.mu.closed && b.mu.lane != h {
		if b.mu.lane == nil {
			b.mu.lane = h
			break
		}
		b.changed.Wait()
	}
	if b.mu.closed {
		return false
	}
	b.mu.free -= n
	h.bytes += n
	return true
}

// release gives back all that h holds.
func (b *budget) release(h *hold) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.free += h.bytes
	h.bytes = 0
	if b.mu.lane == h {
		b.mu.lane = nil
	}
	b.changed.Broadcast()
}

// close lets go all who wait, with nothing.
func (b *budget) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.closed = true
	b.changed.Broadcast()
}
