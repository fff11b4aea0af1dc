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

// newest returns the origin of the tree of a place that got a head last, or of those
// that are not closed if there are such; empty if none has one.
func (p *places) newest(s *store.Store, deployment string, at place) (origin string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := s.Changes(); p.trees == nil || now != p.as {
		if err := p.look(s, deployment); err != nil {
			return "", err
		}
		p.as = now
	}
	var newest store.Head
	for _, id := range p.trees[at] {
		if h, ok := s.Head(id); ok && (newest.Origin == "" || follows(h, newest)) {
			newest = h
		}
	}
	return newest.Origin, nil
}

// follows tells whether a head is of a later tree than another one of its place. A
// topic that is gone is noticed after the next one of its name has heads, so that the
// head which closes a tree says nothing of when it grew.
func follows(h, other store.Head) bool {
	if h.Closed != other.Closed {
		return other.Closed
	}
	return h.RootIndex > other.RootIndex
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
// last, whatever topic had the name then. A tree that is closed comes after those
// that are not.
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
