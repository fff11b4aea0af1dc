package share

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	members "github.com/evidentlog/evident/internal/broker/group/share"
	"github.com/evidentlog/evident/internal/broker/groupconfig"
	"github.com/evidentlog/evident/internal/broker/share/snapshot"
	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/log"
)

// Begin gives a group share-partitions, unless it has them, and calls done once,
// perhaps before it returns, when they are durable. It may read the log's indexes.
func (c *Coordinator) Begin(group string, list []members.Beginning, done func(error)) {
	c.topic.WhenThere(group, func(err *kerr.Error) {
		if err != nil {
			done(err)
			return
		}
		flushes, failed := c.begin(group, list)
		if failed != nil {
			done(failed)
			return
		}
		afterAll(flushes, done)
	})
}

// begin returns the flushes of what is being begun. Topics that do not exist any
// more are passed over.
func (c *Coordinator) begin(group string, list []members.Beginning) ([]*flush, error) {
	settings := c.cfg.Settings(group)
	var flushes []*flush
	for _, b := range list {
		t, ok := c.cfg.Topics.Topic(b.Topic)
		for n := b.First; ok && n < b.First+b.Count; n++ {
			l := t.partition(n)
			if l == nil {
				continue
			}
			key := snapshot.Key{Group: group, Topic: b.Topic, Partition: n}
			if err := c.topic.Check(key.String()); err != nil {
				return nil, err
			}
			f, err := c.beginOne(key, l, b.Grown, settings)
			if err != nil {
				return nil, fmt.Errorf("begin with %s-%d: %w", t.Name, n, err)
			}
			if f != nil {
				flushes = append(flushes, f)
			}
		}
	}
	return flushes, nil
}

// beginOne returns the flush of a share-partition that is new, or was and is not
// durable yet; else nil.
func (c *Coordinator) beginOne(key snapshot.Key, l *log.Partition, grown bool, settings groupconfig.Settings) (*flush, error) {
	if p := c.find(key.Group, place{key.Topic, key.Partition}); p != nil {
		if f, ok := p.begun(); ok {
			return f, nil
		}
	}
	start, err := startOf(l, grown, settings)
	if err != nil {
		return nil, err
	}
	for {
		p := c.add(c.newPartition(key, window.New(start), snapshot.Snapshot{LeaderEpoch: l.LeaderEpoch()}))
		if f, ok := p.restart(start, false); ok {
			return f, nil
		}
	}
}

// startOf is the offset at which a group begins.
func startOf(l *log.Partition, grown bool, s groupconfig.Settings) (int64, error) {
	switch {
	case grown || s.Start.Kind == groupconfig.Earliest:
		return l.LogStart(), nil
	case s.Start.Kind == groupconfig.Latest:
		return l.HighWatermark(), nil
	}
	offset, _, ok, err := l.OffsetForTime(time.Now().Add(-s.Start.Ago).UnixMilli())
	if !ok {
		offset = l.HighWatermark()
	}
	return offset, err
}

// begun tells if the group has p, and returns the flush that makes it durable, or
// nil if that has been.
func (p *partition) begun() (f *flush, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.gone || !p.mu.begun {
		return nil, false
	}
	return p.pending(), true
}

// pending is the flush that ends when all that has been changed is durable, or
// nil. The lock is held.
func (p *partition) pending() *flush {
	if p.mu.dirty {
		return p.changed()
	}
	return p.mu.writing
}

// restart lets the group begin at an offset, if it does not have p or anew is set.
// It returns false if p is of no use any more.
func (p *partition) restart(start int64, anew bool) (f *flush, ok bool) {
	p.mu.Lock()
	defer p.unlock()
	if p.mu.dropped {
		return nil, false
	}
	if p.mu.begun && !p.mu.gone && !anew {
		return p.pending(), true
	}
	if s := &p.mu.stored; p.mu.begun {
		s.StateEpoch++
	} else {
		s.Created = time.Now().UnixMilli()
	}
	p.mu.begun, p.mu.gone = true, false
	p.mu.window = window.New(start)
	if p.mu.look != nil {
		p.mu.look.forget()
	}
	return p.changed(), true
}
