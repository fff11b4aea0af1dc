package follow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/ledger"
)

// missesToEnd is how often in a row a topic must not be among those that there
// are before its trees are closed, which is for ever.
const missesToEnd = 3

// refresh learns which partitions there are, and who leads them. Trees of
// topics that are gone are closed.
func (f *Follower) refresh(ctx context.Context) error {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = nil // all
	resp, err := req.RequestWith(ctx, f.cfg.Client)
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	if err := f.settings.learn(ctx, resp.Topics); err != nil && ctx.Err() == nil {
		f.cfg.Logger.Warn("the ledger cannot learn the settings of all topics, and tries again", "error", err)
	}
	if n := f.cfg.Ledger.Rebuilds(); n != f.rebuilds {
		f.rebuilds = n
		clear(f.broken) // one of them may be whole now
	}
	there, others := map[key]bool{}, map[topicID]bool{}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.ErrorCode != 0 || t.Topic == nil {
			f.keep(t, there) // it cannot be said that it is gone, or not wanted
			continue
		}
		off, known := f.settings.isOff(t)
		switch {
		case !f.settings.wanted(t) || off:
			others[t.TopicID] = true
			continue
		case !known:
			continue
		}
		if err := f.take(t, there); err != nil {
			return err
		}
	}
	if err := f.adopt(there, others); err != nil {
		return err
	}
	if err := f.confirm(ctx, there); err != nil {
		return err
	}
	f.letGo(there, others)
	return nil
}

// keep notes that the partitions of a topic may be there. An error may have
// the topic's name or its id only.
func (f *Follower) keep(t *kmsg.MetadataResponseTopic, there map[key]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k, p := range f.mu.followed {
		if k.ID == t.TopicID || t.Topic != nil && *t.Topic == p.topic {
			there[k] = true
		}
	}
}

// take follows the partitions of a topic.
func (f *Follower) take(t *kmsg.MetadataResponseTopic, there map[key]bool) error {
	for _, p := range t.Partitions {
		k := key{ID: t.TopicID, Number: p.Partition}
		there[k] = true
		if !f.mine(*t.Topic, p.Partition) {
			f.leave(k)
			continue
		}
		f.mu.Lock()
		known := f.mu.followed[k]
		f.mu.Unlock()
		if known != nil {
			known.leader = p.Leader
		}
		if known != nil && !known.tree.Over() {
			f.index(known)
			continue
		}
		if err := f.open(*t.Topic, k, p.Leader, known); err != nil {
			return err
		}
	}
	return nil
}

// open follows a partition with its newest tree; known is the partition if it has
// been followed before. The error says that no tree can be opened. One damaged
// tree must not keep all others from growing: it is tried again later.
func (f *Follower) open(topic string, k key, leader int32, known *followed) error {
	if w := f.broken[k]; w != nil && !w.over(time.Now()) {
		return nil
	}
	tree, err := f.tree(topic, k)
	if errors.Is(err, ledger.ErrClosed) || errors.Is(err, ledger.ErrStopped) {
		return err
	}
	if err != nil {
		if f.broken[k] == nil {
			f.broken[k] = &waiting{}
		}
		if f.broken[k].failed(err, openMost) {
			f.alarm(Stuck, "the tree of a partition cannot be opened, nothing more of it becomes provable, and it is tried again: if it is damaged, \"evident ledger rebuild\" makes it again",
				"topic", topic, "partition", k.Number, "error", err)
		}
		return nil
	}
	delete(f.broken, k)
	if known == nil {
		known = &followed{key: k, topic: topic, leader: leader}
	}
	f.mu.Lock()
	// The tree may have lost leaves, or be an older generation than the one before:
	// one whose end was not durable yet when the ledger's disk failed.
	known.tree, known.compared = tree, false
	f.mu.followed[k] = known
	f.mu.Unlock()
	f.index(known)
	return nil
}

// index turns the index of a partition on or off, as its topic's settings say. An
// index that cannot be kept keeps nothing from becoming provable.
func (f *Follower) index(p *followed) {
	if err := p.tree.Index(!f.settings.unindexed(p.topic, p.ID)); err != nil {
		f.cfg.Logger.Error("the index of a partition cannot be turned on or off, and is tried again", "partition", p, "error", err)
	}
}

// leave leaves a partition to another node. What it has of leaves that are in no
// round goes into the next one, or is dropped if the other comes first.
func (f *Follower) leave(k key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.mu.followed, k)
}

// letGo ends the trees of partitions that are not there any more.
func (f *Follower) letGo(there map[key]bool, others map[topicID]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.others, f.mu.lags = others, maps.Clone(f.settings.lag)
	f.mu.noIndex = maps.Clone(f.settings.noIndex)
	for k, p := range f.mu.followed {
		f.settings.overlay(p.topic, k.ID, f.mu.lags, f.mu.noIndex)
	}
	names := map[string]bool{}
	for k := range there {
		names[f.mu.followed[k].name()] = true
	}
	for k, p := range f.mu.followed {
		if there[k] {
			p.missed = 0
			continue
		}
		// A node that has just started may not know of all topics yet. That another
		// topic has the name tells enough.
		if p.missed++; p.missed < missesToEnd && !others[k.ID] && !names[p.topic] {
			continue
		}
		delete(f.mu.followed, k)
		if p.tree.Over() { // it stopped with the ledger: it has to be opened again to be closed
			f.adopted = false
			continue
		}
		reason := ledger.TopicDeleted
		if others[k.ID] {
			reason = "turned off"
		}
		f.cfg.Logger.Info("the ledger closes a tree", "topic", p.topic, "partition", p.Number, "reason", reason, "size", p.tree.Next())
		p.tree.Close(reason)
	}
}
