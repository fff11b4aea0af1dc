package node

import (
	"sync"

	"github.com/evidentlog/evident/internal/resource"
	"github.com/evidentlog/evident/internal/resource/topic"
)

// topicSettings are Evident's own settings of topics as they are declared, read
// once from each state.
type topicSettings struct {
	mu struct {
		sync.Mutex
		of    *resource.State
		topic map[string]map[string]string
	}
}

func (s *topicSettings) get(state *resource.State, name string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.of != state {
		s.mu.of, s.mu.topic = state, map[string]map[string]string{}
		for _, r := range state.Of(topic.Name) {
			if own := topic.Own(r); len(own) > 0 {
				s.mu.topic[r.Metadata.Name] = own
			}
		}
	}
	return s.mu.topic[name]
}

// declaredOf are Evident's own settings of a topic as they are declared.
func (n *Node) declaredOf(name string) map[string]string {
	return n.resources.topics.get(n.resources.service.State(), name)
}

// declaredRead is closed when all is read that was declared; nil if nobody has to
// wait for it: the node's own broker keeps Evident's settings with the topics.
func (n *Node) declaredRead() <-chan struct{} {
	if n.cfg.Cluster == nil {
		return nil
	}
	return n.resources.service.Read()
}
