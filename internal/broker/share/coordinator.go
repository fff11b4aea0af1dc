package share

import (
	"sync"

	"github.com/evidentlog/evident/internal/broker/deadline"
	"github.com/evidentlog/evident/internal/broker/share/snapshot"
	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/log/batch"
)

// Coordinator keeps the queues of all share groups. Its methods may be called
// concurrently, from before [Coordinator.Run] until after it.
type Coordinator struct {
	cfg      Config
	codecs   batch.Codecs
	builders sync.Pool // of *batch.Builder
	topic    *statetopic.Topic
	timers   *deadline.Queue[*partition]
	events   *events
	sessions *sessions
	loaded   chan struct{} // closed when all partitions of the topic have been tried to read once

	mu struct {
		sync.RWMutex
		groups map[string]map[place]*partition
		closed bool // Run has ended
	}
}

// place is a partition of a topic.
type place struct {
	topic  [16]byte
	number int32
}

// New returns a coordinator that gives out records once Run has read what the
// store holds.
func New(cfg Config) *Coordinator {
	cfg = cfg.withDefaults()
	c := &Coordinator{
		cfg:      cfg,
		topic:    statetopic.New(cfg.Store),
		timers:   deadline.New[*partition](),
		events:   newEvents(),
		sessions: newSessions(cfg.Sessions),
		loaded:   make(chan struct{}),
	}
	c.builders.New = func() any { return c.codecs.NewBuilder(batch.Head{}) }
	c.mu.groups = make(map[string]map[place]*partition)
	return c
}

// find returns the share-partition, or nil if the group has none there.
func (c *Coordinator) find(group string, at place) *partition {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.mu.groups[group][at]
}

// add makes p known, unless there is another in its place, which it then returns.
func (c *Coordinator) add(p *partition) *partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := p.place()
	of := c.mu.groups[p.key.Group]
	if of == nil {
		of = make(map[place]*partition)
		c.mu.groups[p.key.Group] = of
	}
	if other := of[at]; other != nil {
		return other
	}
	of[at] = p
	return p
}

// drop makes p unknown.
func (c *Coordinator) drop(p *partition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := p.place()
	of := c.mu.groups[p.key.Group]
	if of[at] != p {
		return
	}
	delete(of, at)
	if len(of) == 0 {
		delete(c.mu.groups, p.key.Group)
	}
}

// pick returns the share-partitions for which yes holds, of one group or of all
// ("").
func (c *Coordinator) pick(group string, yes func(snapshot.Key) bool) []*partition {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var all []*partition
	add := func(of map[place]*partition) {
		for _, p := range of {
			if yes(p.key) {
				all = append(all, p)
			}
		}
	}
	if group != "" {
		add(c.mu.groups[group])
		return all
	}
	for _, of := range c.mu.groups {
		add(of)
	}
	return all
}
