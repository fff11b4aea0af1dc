package ledger

import (
	"fmt"

	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/ledger/leaves"
	"github.com/evidentlog/evident/proof"
)

// Index turns the index of the partition's records on or off. What is turned off
// is removed, in a while; what is turned on again is made from the log. Without
// [Config].Index it does nothing. What a closed tree had is removed with it.
func (p *Partition) Index(on bool) error {
	ix := p.ledger.cfg.Index
	if ix == nil {
		return nil
	}
	p.indexing.Lock() // its files are opened, or given up, by one at a time
	defer p.indexing.Unlock()
	if on && (p.index.Load() != nil || p.ended()) {
		return nil
	}
	if old := p.index.Swap(nil); old != nil {
		old.Drop()
		return nil
	}
	t, err := proof.ParseOrigin(p.ledger.cfg.Origin, p.origin)
	if err != nil {
		return err
	}
	name := index.Name{Topic: t.Topic, TopicID: t.TopicID, Partition: t.Partition, Generation: t.Generation}
	if !on {
		ix.Forget(name)
		return nil
	}
	opened, err := ix.Partition(name, p.Next())
	if err != nil {
		return fmt.Errorf("%s: %w", p.origin, err)
	}
	p.index.Store(opened)
	return nil
}

// ended tells whether the generation has ended: then its index goes, and is not to
// come back.
func (p *Partition) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.ended
}

// Trim tells that the log begins at an offset now. The tree stays what it is.
func (p *Partition) Trim(start int64) {
	if ix := p.index.Load(); ix != nil {
		ix.Trim(start)
	}
}

// keepIndex removes the index of trees that do not grow any more.
func (l *Ledger) keepIndex() error {
	if l.cfg.Index == nil {
		return nil
	}
	open := map[proof.Tree]bool{}
	for _, h := range l.store.Heads() {
		t, err := proof.ParseOrigin(l.cfg.Origin, h.Origin)
		if err != nil {
			return err
		}
		open[proof.Tree{TopicID: t.TopicID, Partition: t.Partition, Generation: t.Generation}] = !h.Closed
	}
	return l.cfg.Index.Keep(func(topicID string, partition, generation int32) bool {
		return open[proof.Tree{TopicID: topicID, Partition: partition, Generation: generation}]
	})
}

// seen is what the index is to be told of records that get leaves. The zero value
// tells nobody.
type seen struct {
	index   *index.Partition
	records *index.Collector
}

func (p *Partition) see() seen {
	ix := p.index.Load()
	if ix == nil {
		return seen{}
	}
	return seen{ix, p.ledger.cfg.Index.Collector()}
}

// watching lets the records be seen of which leaves are made.
func (s seen) watching(grow func(*leaves.Maker, *leaves.Growth) error) func(*leaves.Maker, *leaves.Growth) error {
	if s.index == nil {
		return grow
	}
	return func(m *leaves.Maker, g *leaves.Growth) error {
		m.Watch(s.records)
		defer m.Watch(nil)
		return grow(m, g)
	}
}

func (s seen) add(from, next int64) {
	if s.index != nil {
		s.index.Add(from, next, s.records)
	}
}

func (s seen) release() {
	if s.index != nil {
		s.records.Release()
	}
}
