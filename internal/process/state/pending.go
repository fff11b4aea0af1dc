package state

import (
	"hash/maphash"
	"sync"
)

// pending is what steps of a task have committed and Pebble has not yet: of each key the
// latest value only, so that what is written again and again costs Pebble nothing. Like a
// memtable of Pebble's it is lost in a crash, and comes from the changelog again.
type pending struct {
	// writing is held by who gives Pebble what is pending. It is locked before mu.
	writing sync.Mutex

	mu struct {
		sync.RWMutex
		now    table // what is written next
		frozen table // what is being written, the older; empty if nothing is
		// moved says that the task's position is not the one in Pebble, or in frozen.
		moved    bool
		position Position // of frozen
		full     bool     // there is something in frozen
		// ordered is how often still what is pending is written before it is much: keys were
		// asked for in their order not long ago, will be again, and who does so waits for
		// what has to be written.
		ordered int
	}
}

const (
	// orderedFor is how often little is pending after keys were asked for in their order.
	orderedFor = 64
	// orderedShare is how much that is, in bytes: some milliseconds' worth of writing.
	orderedShare = 256 << 10
)

// enough is how much may be pending before it is written, of a share. mu is held.
func (p *pending) enough(share int) int {
	if p.mu.ordered > 0 {
		return min(share, orderedShare)
	}
	return share
}

func (p *pending) init(seed maphash.Seed) {
	p.mu.now.seed, p.mu.frozen.seed = seed, seed
}

// get looks for a key; known says whether it is pending, and its value is nil if it has
// been deleted. The value is a copy.
func (p *pending) get(key []byte, hash uint32, a *arena) (value []byte, known bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, t := range [...]*table{&p.mu.now, &p.mu.frozen} {
		if i := t.at(key, hash); i >= 0 {
			if v := t.entries[i].value; v != nil {
				value = a.copy(v)
			}
			return value, true
		}
	}
	return nil, false
}

// set sets the value of a key, nil if it is deleted; absent says that it was not there
// before, so that nothing is left to be written if it is deleted again. mu is held.
func (p *pending) set(key []byte, hash uint32, value []byte, absent bool) {
	now := &p.mu.now
	i := now.at(key, hash)
	if i < 0 {
		i = now.add(key, hash)
		if absent {
			now.entries[i].flags = entryAbsent
		}
	}
	now.setValue(&now.entries[i], value)
}

// setValue keeps a copy of a value, in place of the one before if there is room.
func (t *table) setValue(e *entry, value []byte) {
	switch {
	case len(value) == 0:
		e.value = value
	case cap(e.value) >= len(value):
		e.value = append(e.value[:0], value...)
	default:
		e.value = t.arena.copy(value)
	}
}

// freeze makes what is pending what is written next, if nothing is being written. mu is
// held.
func (p *pending) freeze(at Position) {
	m := &p.mu
	if m.full || !m.moved {
		return
	}
	m.now, m.frozen = m.frozen, m.now
	m.ordered = max(0, m.ordered-1)
	m.position, m.full, m.moved = at, true, false
}

// written forgets what was frozen: it is in Pebble.
func (p *pending) written() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.frozen.clear()
	p.mu.full = false
}

// forget forgets everything. Whoever calls it holds writing.
func (p *pending) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.now.clear()
	p.mu.frozen.clear()
	p.mu.full, p.mu.moved = false, false
}

// isFull says whether something is to be written, or is being.
func (p *pending) isFull() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.mu.full
}

// size is what is pending, in bytes of memory.
func (p *pending) size() int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.mu.now.size() + p.mu.frozen.size()
}
