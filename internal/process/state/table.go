package state

import (
	"bytes"
	"hash/maphash"
)

// A table has keys of a task with their values: what the step under way has changed, and
// what else it has read, or earlier ones left. Nothing is taken out of it until all is.
type table struct {
	arena   arena
	entries []entry
	slots   []uint32 // open addressing: index of an entry + 1, or 0
	seed    maphash.Seed
}

// An entry is a key as the step under way sees it.
type entry struct {
	key   []byte // in Pebble
	value []byte // of the change; nil if the key is not there
	until int64  // when it expires, Unix ms, or never
	hash  uint32
	flags uint8
}

const (
	entryDirty   = 1 << iota // the step has changed it
	entryUnknown             // it was not looked up in Pebble: value says nothing
	entryAbsent              // it is not there in Pebble
	entryOrdered             // it is in the order of what has been changed
)

// entrySize is what an entry takes beside its bytes.
const entrySize = 72

const firstSlots = 256

// size is what is in memory, in bytes.
func (t *table) size() int { return t.arena.size + len(t.entries)*entrySize }

// clear forgets everything, and gives back what a large table has taken.
func (t *table) clear() {
	t.arena.clear()
	clear(t.entries)
	t.entries = t.entries[:0]
	if len(t.slots) > firstSlots*16 {
		t.entries, t.slots = nil, nil
	}
	clear(t.slots)
}

// find is the index of a key, or -1.
func (t *table) find(key []byte) (index int, hash uint32) {
	hash = t.hash(key)
	return t.at(key, hash), hash
}

func (t *table) hash(key []byte) uint32 { return uint32(maphash.Bytes(t.seed, key)) }

// at is the index of a key of that hash, or -1.
func (t *table) at(key []byte, hash uint32) int {
	if len(t.slots) == 0 {
		return -1
	}
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		at := t.slots[i]
		if at == 0 {
			return -1
		}
		if e := &t.entries[at-1]; e.hash == hash && bytes.Equal(e.key, key) {
			return int(at - 1)
		}
	}
}

// add adds a key that is not there, of that hash, and keeps a copy of it.
func (t *table) add(key []byte, hash uint32) int {
	if 4*(len(t.entries)+1) > 3*len(t.slots) {
		t.grow()
	}
	t.entries = append(t.entries, entry{key: t.arena.copy(key), hash: hash})
	t.place(len(t.entries) - 1)
	return len(t.entries) - 1
}

func (t *table) place(index int) {
	mask := uint32(len(t.slots) - 1)
	i := t.entries[index].hash & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = uint32(index + 1)
}

func (t *table) grow() {
	t.slots = make([]uint32, max(firstSlots, 2*len(t.slots)))
	for i := range t.entries {
		t.place(i)
	}
}

// An arena is memory for many small pieces that are given back together.
type arena struct {
	free []byte // what is left of the newest chunk
	size int    // of all chunks
	next int    // the size of the next one
}

const (
	firstChunk = 4 << 10
	lastChunk  = 256 << 10
)

// alloc gives n bytes with nothing in them, to append to.
func (a *arena) alloc(n int) []byte {
	if n > cap(a.free)-len(a.free) {
		a.next = min(lastChunk, max(firstChunk, 2*a.next))
		a.free = make([]byte, 0, max(n, a.next))
		a.size += cap(a.free)
	}
	from := len(a.free)
	a.free = a.free[:from+n]
	return a.free[from : from : from+n]
}

func (a *arena) copy(b []byte) []byte { return append(a.alloc(len(b)), b...) }

// clear forgets all pieces. They stay as they are as long as somebody has them.
func (a *arena) clear() { *a = arena{next: a.next / 2} }
