package vfs

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
)

// Pending is one thing that was done but not synced, so that a power cut may
// keep or lose it.
type Pending struct {
	// Kind is OpCreate, OpMkdir, OpRemove or OpRename for an entry, OpWrite for
	// a block, OpTruncate for a file's size.
	Kind OpKind
	// Name is the cleaned absolute name; of a rename both, "/a to /b".
	Name string
	// Offset is the block's place in the file, or the size.
	Offset int64
}

// Keep decides what a power cut keeps. [Mem.Crash] asks it in the same order
// each time, so one that is deterministic gives the same filesystem again.
type Keep func(Pending) bool

// KeepNone keeps only what was synced.
func KeepNone(Pending) bool { return false }

// KeepAll keeps everything, as if all had been synced.
func KeepAll(Pending) bool { return true }

// KeepRandom keeps each thing with probability 1/2. The Keep is for one Crash
// at a time.
func KeepRandom(seed uint64) Keep {
	rng := rand.New(rand.NewPCG(seed, 0))
	return func(Pending) bool { return rng.Uint64()&1 == 0 }
}

// Crash cuts the power and returns the disk as the machine finds it when it
// starts again, with nothing locked. From the first call on, m answers all
// operations with [ErrCrashed], except Close. Crash may be called again, for
// another disk that the same power cut could have left.
//
// A disk that no power cut leaves is not among those that keep can choose:
//   - A change to an entry is lost if an earlier one to it is; both names of a
//     rename change, or neither. A move to another folder is lost if that
//     folder's making is, and the removal of a folder if a change within is.
//   - If a file was cut short and that is lost, so is all that was written
//     beyond the cut.
//   - If a file grew, it is left with its last size or ends, down to the old
//     size, at a block boundary. Blocks that were lost below that are zeros.
func (m *Mem) Crash(keep Keep) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead.Store(true)
	after := NewMem()
	after.limit.Store(m.limit.Load())
	c := crash{keep: keep, to: after, entries: make(map[*memDir]map[string]memEntry)}
	c.visit(m.top)
	c.undoLost()
	after.top = c.dir(m.top, "/")
	return after
}

// crash is the work of one call of [Mem.Crash].
type crash struct {
	keep Keep
	to   *Mem
	// entries are each folder's, as the power cut leaves them.
	entries map[*memDir]map[string]memEntry
	ops     []*dirOp
}

// visit collects all folders that there were or are, and what is not synced of
// them. It reaches both folders of a move that may be lost: a folder is only
// gone for good together with the changes in it.
func (c *crash) visit(d *memDir) {
	if c.entries[d] != nil {
		return
	}
	c.entries[d] = maps.Clone(d.entries)
	for _, e := range d.entries {
		c.visitEntry(e)
	}
	for _, op := range d.unsynced {
		if op.durable {
			continue
		}
		c.ops = append(c.ops, op)
		for _, e := range op.edits {
			c.visitEntry(e.old)
		}
	}
}

func (c *crash) visitEntry(e memEntry) {
	if d, ok := e.(*memDir); ok {
		c.visit(d)
	}
}

// undoLost takes back the changes that are lost. They are the last ones of
// each entry, so undoing them backwards gives what was there before the first.
func (c *crash) undoLost() {
	slices.SortFunc(c.ops, func(a, b *dirOp) int { return cmp.Compare(a.seq, b.seq) })
	c.ops = slices.Compact(c.ops)
	for _, op := range slices.Backward(c.lostOps()) {
		for _, e := range op.edits {
			if dir := c.entries[e.dir]; e.old == nil {
				delete(dir, e.base)
			} else {
				dir[e.base] = e.old
			}
		}
	}
}

// lostOps asks which changes are kept. One that needs a lost one is lost too.
func (c *crash) lostOps() (lost []*dirOp) {
	isLost := make(map[*dirOp]bool)
	for _, op := range c.ops {
		needsLost := slices.ContainsFunc(op.needs, func(earlier *dirOp) bool { return isLost[earlier] })
		if needsLost || !c.keep(Pending{Kind: op.kind, Name: op.name}) {
			lost = append(lost, op)
			isLost[op] = true
		}
	}
	return lost
}

func (c *crash) dir(d *memDir, name string) *memDir {
	after := newMemDir()
	after.modTime = d.modTime
	entries := c.entries[d]
	for _, base := range slices.Sorted(maps.Keys(entries)) {
		switch e := entries[base].(type) {
		case *memDir:
			after.entries[base] = c.dir(e, path.Join(name, base))
		case *memInode:
			after.entries[base] = c.file(e, path.Join(name, base))
		}
	}
	return after
}

// file copies what is kept of a file. Whole blocks are not copied: the dead
// filesystem no longer writes to them, and the new one, for which they are
// synced, copies them before it does.
func (c *crash) file(n *memInode, name string) *memInode {
	n.mu.RLock()
	defer n.mu.RUnlock()
	size, kept := c.size(n, name)
	after := &memInode{fs: c.to, users: 1, modTime: n.modTime, size: size, synced: size, low: size}
	after.slots = make([]slot, min(blocksIn(size), len(n.slots)))
	for i := range after.slots {
		b := cutBlock(c.block(n, i, name, kept), i, size)
		if b != nil {
			after.slots[i] = slot{cur: b}
			after.used++
		}
	}
	c.to.used.Add(int64(after.used) * BlockSize)
	return after
}

// keptData is what a file's size, once decided, says of its blocks.
type keptData struct {
	old   int64 // the bytes of the last Sync that are still there
	below int   // the blocks that can be kept as last written: those below it
}

// size decides how long the file is.
func (c *crash) size(n *memInode, name string) (int64, keptData) {
	keep := func(size int64) bool { return c.keep(Pending{OpTruncate, name, size}) }
	if n.low < n.synced && !keep(n.low) {
		return n.synced, keptData{old: n.synced, below: int(n.low / BlockSize)}
	}
	data := keptData{old: n.low, below: len(n.slots)}
	if n.size == n.low || keep(n.size) {
		return n.size, data
	}
	size := n.low
	for next := nextBlock(size); next < n.size && keep(next); next = nextBlock(size) {
		size = next
	}
	return size, data
}

func nextBlock(off int64) int64 { return (off/BlockSize + 1) * BlockSize }

// block decides what is in block i.
func (c *crash) block(n *memInode, i int, name string, kept keptData) *block {
	s := &n.slots[i]
	lost := s.lost
	if s.dirty {
		lost = i >= kept.below || !c.keep(Pending{OpWrite, name, int64(i) * BlockSize})
	}
	if lost {
		return cutBlock(s.base(), i, kept.old)
	}
	return s.cur
}

// cutBlock returns b, which is a file's block i, with zeros from the file's
// offset end on; nil stands for zeros. It does not write to b.
func cutBlock(b *block, i int, end int64) *block {
	start := int64(i) * BlockSize
	switch {
	case b == nil || end <= start:
		return nil
	case end >= start+BlockSize:
		return b
	}
	cut := new(block)
	copy(cut[:end-start], b[:])
	return cut
}
