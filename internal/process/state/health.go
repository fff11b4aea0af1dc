package state

import (
	"sync"
)

// health is whether a DB can still be used, and a bell for those who wait for it to get
// on. Pebble's own waits do not end when the disk fails; ours do.
type health struct {
	mu struct {
		sync.Mutex
		err  error
		bell chan struct{} // closed when something has happened
	}
}

// err is why the DB is of no more use, or nil.
func (h *health) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.err
}

// fail notes the first error, and says whether it was.
func (h *health) fail(err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := h.mu.err == nil
	if first {
		h.mu.err = err
	}
	h.ringLocked()
	return first
}

// forget forgets the error, since all has been begun anew.
func (h *health) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.err = nil
}

// ring wakes those who wait.
func (h *health) ring() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ringLocked()
}

func (h *health) ringLocked() {
	if h.mu.bell != nil {
		close(h.mu.bell)
		h.mu.bell = nil
	}
}

// bell is closed when something happens after this call.
func (h *health) bell() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.bell == nil {
		h.mu.bell = make(chan struct{})
	}
	return h.mu.bell
}
