package client

import (
	"context"
	"sync"
)

// Seen remembers which events were handled, by source and id, which together tell
// events apart (CloudEvents 1.0, section 3.1.1). Its methods are called by several
// goroutines.
//
// What it promises depends on where it remembers. A handler's effect and the memory of
// it are two things: a crash between them leaves the effect without the memory, and the
// event is handled once more. Only memory that is written together with the effect, in
// one transaction of the same database, closes that gap: such a handler marks by itself,
// and returns [ErrRepeated] where it finds the mark; docs/client.md shows it.
type Seen interface {
	// Seen tells whether an event is marked.
	Seen(ctx context.Context, source, id string) (bool, error)
	// Mark remembers an event that was handled; to do it again does no harm.
	Mark(ctx context.Context, source, id string) error
}

type identity struct{ source, id string }

// memory is a Seen in memory.
type memory struct {
	most int
	mu   struct {
		sync.Mutex
		seen map[identity]struct{}
		ring []identity // in the order of their marks, from next on
		next int
	}
}

// SeenInMemory remembers the last n events, for as long as the program runs: it finds
// what is delivered again after a rebalance or a broken connection, and what a producer
// wrote twice, but nothing after a crash. It takes about 100 bytes an event and what
// source and id take.
func SeenInMemory(n int) Seen {
	m := &memory{most: max(n, 1)}
	m.mu.seen = make(map[identity]struct{})
	return m
}

func (m *memory) Seen(_ context.Context, source, id string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, seen := m.mu.seen[identity{source, id}]
	return seen, nil
}

func (m *memory) Mark(_ context.Context, source, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := identity{source, id}
	if _, seen := m.mu.seen[key]; seen {
		return nil
	}
	m.mu.seen[key] = struct{}{}
	if len(m.mu.ring) < m.most {
		m.mu.ring = append(m.mu.ring, key)
		return nil
	}
	delete(m.mu.seen, m.mu.ring[m.mu.next])
	m.mu.ring[m.mu.next] = key
	m.mu.next = (m.mu.next + 1) % len(m.mu.ring)
	return nil
}
