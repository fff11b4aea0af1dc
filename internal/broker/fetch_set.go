package broker

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/log"
)

// fetchSet is the partitions of one Fetch request or of a session. It watches
// them, so that those where nothing happens cost nothing. It implements
// [log.Watcher].
type fetchSet struct {
	usesIDs  bool
	work     []*fetchEntry // may have something to tell; owned by the running fetch
	watching bool          // owned by the running fetch
	wake     chan struct{} // something was marked; capacity 1

	mu struct {
		sync.Mutex
		entries map[*log.Partition]*fetchEntry // that are watched
		marked  []*fetchEntry                  // where something happened since collect
		closed  bool
	}
}

func newFetchSet(usesIDs bool) *fetchSet {
	return &fetchSet{usesIDs: usesIDs, wake: make(chan struct{}, 1)}
}

// Advanced implements [log.Watcher].
func (s *fetchSet) Advanced(p *log.Partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.mu.entries[p]
	if e == nil || e.marked {
		return
	}
	e.marked = true
	s.mu.marked = append(s.mu.marked, e)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// collect moves entries where something happened to work.
func (s *fetchSet) collect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.mu.marked {
		e.marked = false
		s.queue(e)
	}
	s.mu.marked = s.mu.marked[:0]
}

func (s *fetchSet) queue(e *fetchEntry) {
	if !e.queued {
		e.queued = true
		s.work = append(s.work, e)
	}
}

// watch begins to watch the partitions in work. It returns false if it does so already.
func (s *fetchSet) watch() bool {
	if s.watching {
		return false
	}
	s.watching = true
	for _, e := range s.work {
		s.watchEntry(e)
	}
	return true
}

// watchEntry watches the entry's partition if there is one.
func (s *fetchSet) watchEntry(e *fetchEntry) {
	p := e.partition
	if p == nil || !s.watching {
		return
	}
	s.mu.Lock()
	if s.mu.entries == nil {
		s.mu.entries = make(map[*log.Partition]*fetchEntry)
	}
	closed := s.mu.closed
	if !closed {
		s.mu.entries[p] = e
	}
	s.mu.Unlock()
	if closed {
		return
	}
	p.Watch(s)
	s.mu.Lock()
	closed = s.mu.closed
	s.mu.Unlock()
	if closed { // in between
		p.Unwatch(s)
	}
}

func (s *fetchSet) unwatchEntry(e *fetchEntry) {
	p := e.partition
	if p == nil || !s.watching {
		return
	}
	s.mu.Lock()
	delete(s.mu.entries, p)
	s.mu.Unlock()
	p.Unwatch(s)
}

// close ends the watch. It may be called while a fetch is running.
func (s *fetchSet) close() {
	s.mu.Lock()
	entries := s.mu.entries
	s.mu.entries, s.mu.marked, s.mu.closed = nil, nil, true
	s.mu.Unlock()
	for p := range entries {
		p.Unwatch(s)
	}
}

// anyPartition tells if it makes sense to wait.
func (s *fetchSet) anyPartition() bool {
	if !s.watching {
		for _, e := range s.work {
			if e.partition != nil {
				return true
			}
		}
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.entries) > 0
}

// resolve finds the entry's partition anew, after it was deleted or if it was
// never found. It reports whether there is one.
func (s *fetchSet) resolve(e *fetchEntry, topics *metadata.Snapshot) bool {
	s.unwatchEntry(e)
	e.partition = nil
	t := lookup(topics, s.usesIDs, e.topic, e.id)
	if t == nil {
		return false
	}
	e.topic, e.partition = t.Name, t.Partition(e.number)
	s.watchEntry(e)
	return e.partition != nil
}

// whyMissing is the error for an entry without a partition. A topic that had
// the id when the entry was made keeps its name, as in Kafka, so it is
// "unknown" once deleted and "inconsistent" once there is another of its name.
func (s *fetchSet) whyMissing(e *fetchEntry, topics *metadata.Snapshot) int16 {
	switch {
	case !s.usesIDs:
		return kerr.UnknownTopicOrPartition.Code
	case e.topic == "":
		return kerr.UnknownTopicID.Code
	}
	if t := topics.Topic(e.topic); t != nil && t.ID != e.id {
		return kerr.InconsistentTopicID.Code
	}
	return kerr.UnknownTopicOrPartition.Code
}
