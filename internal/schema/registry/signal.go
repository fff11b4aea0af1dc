package registry

import "sync"

// A signal is given, and then stays until it is taken back.
type signal struct {
	mu struct {
		sync.Mutex
		c     chan struct{} // closed: it is given
		given bool
	}
}

func newSignal() *signal {
	s := &signal{}
	s.mu.c = make(chan struct{})
	return s
}

func (s *signal) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mu.given {
		close(s.mu.c)
		s.mu.given = true
	}
}

func (s *signal) takeBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.given {
		s.mu.c, s.mu.given = make(chan struct{}), false
	}
}

// wait is closed when the signal is given, also if it is taken back after that.
func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.c
}
