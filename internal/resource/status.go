package resource

import (
	"sync"
	"time"
)

// A Status says how what is outside compares with a resource.
type Status struct {
	// Ready is whether it is like what is declared, as far as is known.
	Ready bool `json:"ready"`
	// Error is why it could not be made so.
	Error string `json:"error,omitempty"`
	// Drift is where it differs: Before is what is declared, After what is there.
	Drift []Difference `json:"drift,omitempty"`
	// Checked is when somebody looked last; zero: nobody has.
	Checked time.Time `json:"checked,omitzero"`
}

// statuses are what the writer knows of all resources.
type statuses struct {
	mu  sync.Mutex
	all map[Key]Status
}

func newStatuses() *statuses { return &statuses{all: map[Key]Status{}} }

func (s *statuses) set(k Key, to Status) {
	s.mu.Lock()
	s.all[k] = to
	s.mu.Unlock()
}

func (s *statuses) forget(k Key) {
	s.mu.Lock()
	delete(s.all, k)
	s.mu.Unlock()
}

func (s *statuses) get(k Key) (Status, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.all[k]
	return found, ok
}

// troubled tells whether something could not be made so.
func (s *statuses) troubled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, status := range s.all {
		if status.Error != "" {
			return true
		}
	}
	return false
}

// Status is how what is outside compares with a resource; false on a node that
// does not write, or if nobody has looked yet.
func (s *Service) Status(k Key) (Status, bool) {
	w := s.writer.Load()
	if w == nil {
		return Status{}, false
	}
	return w.status.get(k)
}
