package ledger

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/proof"
)

// places finds trees by the names of their topics. There may be many, so all are
// looked at only when some have come or gone.
type places struct {
	mu    sync.Mutex
	trees map[place][]store.TreeID // nil: nobody has looked
	as    int64                    // the store's changes when they were looked at
}

// A place is where a topic's records were, whatever topic had the name then.
type place struct {
	topic     string
	partition int32
}

// newest returns the origin of the tree of a place that got a head last, empty if
// none has one.
func (p *places) newest(s *store.Store, deployment string, at place) (origin string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := s.Changes(); p.trees == nil || now != p.as {
		if err := p.look(s, deployment); err != nil {
			return "", err
		}
		p.as = now
	}
	newest := int64(-1)
	for _, id := range p.trees[at] {
		h, _ := s.Head(id)
		if h.RootIndex > newest {
			newest, origin = h.RootIndex, h.Origin
		}
	}
	return origin, nil
}

func (p *places) look(s *store.Store, deployment string) error {
	trees := map[place][]store.TreeID{}
	for id, h := range s.Heads() {
		t, err := proof.ParseOrigin(deployment, h.Origin)
		if err != nil {
			return err
		}
		at := place{t.Topic, t.Partition}
		trees[at] = append(trees[at], id)
	}
	p.trees = trees
	return nil
}

// Newest returns the origin of the tree of a topic's partition that got a head
// last, whatever topic had the name then.
func (l *Ledger) Newest(topic, partition string) (origin string, err error) {
	number, err := strconv.ParseInt(partition, 10, 32)
	if err != nil || strconv.FormatInt(number, 10) != partition {
		return "", fmt.Errorf("%w: %q is no partition", ErrNoTree, partition)
	}
	origin, err = l.places.newest(l.store, l.cfg.Origin, place{topic, int32(number)})
	if err == nil && origin == "" {
		err = fmt.Errorf("%w: topic %q, partition %s", ErrNoTree, topic, partition)
	}
	return origin, err
}
