package vfs

import (
	"slices"
	"time"
)

// maxUnsynced bounds the changes that a folder remembers. Beyond it the oldest
// become durable unasked, as they do in a kernel after some seconds, so that
// who never calls SyncDir does not fill the memory.
const maxUnsynced = 1 << 16

// dirOp is a change to one folder, or for a move to two, that a power cut may
// take back. It is guarded by Mem.mu.
type dirOp struct {
	seq     uint64
	kind    OpKind
	name    string // for Pending
	edits   []edit // of a rename, the new name's is the last
	durable bool
}

// edit is one entry's change, from old to new; nil is no entry.
type edit struct {
	dir      *memDir
	base     string
	old, new memEntry
}

// apply changes entries as one step, which is durable only once its folder is
// synced; of a move, either folder.
func (m *Mem) apply(kind OpKind, name string, edits ...edit) {
	m.lastOp++
	op := &dirOp{seq: m.lastOp, kind: kind, name: name, edits: edits}
	now := time.Now()
	for _, e := range edits {
		e.apply()
		e.dir.modTime = now
		if placed, ok := e.new.(*memDir); ok {
			placed.placed = op
		}
	}
	edits[0].dir.remember(op)
	if op.moves() {
		edits[1].dir.remember(op)
	}
}

func (e edit) apply() {
	if e.new == nil {
		delete(e.dir.entries, e.base)
		return
	}
	e.dir.entries[e.base] = e.new
}

// moves tells if op moves an entry from one folder to another.
func (op *dirOp) moves() bool {
	return len(op.edits) == 2 && op.edits[0].dir != op.edits[1].dir
}

func (d *memDir) remember(op *dirOp) {
	d.unsynced = append(d.unsynced, op)
	if len(d.unsynced) > maxUnsynced {
		d.settle(maxUnsynced / 2)
	}
}

// settle makes the first count changes to d durable.
func (d *memDir) settle(count int) {
	ops := d.unsynced[:count]
	d.unsynced = slices.Clone(d.unsynced[count:])
	for _, op := range ops {
		op.settle()
	}
}

// settle makes op durable, and with it what cannot be lost without losing an
// entry that op only moves: earlier changes to the same entries, the place of
// the folder that it moves to, and all changes to a folder that it removes.
func (op *dirOp) settle() {
	if op.durable {
		return
	}
	op.durable = true
	for _, e := range op.edits {
		e.settleEarlier(op.seq)
		if op.moves() {
			e.dir.settlePlace()
		}
		if gone, ok := e.old.(*memDir); ok && op.kind == OpRemove {
			gone.settle(len(gone.unsynced))
		}
	}
}

// settleEarlier makes the changes to the same entry before seq durable.
func (e edit) settleEarlier(seq uint64) {
	for _, op := range e.dir.unsynced {
		if op.seq >= seq {
			return // they are in order
		}
		if op.touches(e.dir, e.base) {
			op.settle()
		}
	}
}

// settlePlace makes the folder's own entry durable, and those above it.
func (d *memDir) settlePlace() {
	for op := d.placed; op != nil; {
		op.settle()
		op = op.edits[len(op.edits)-1].dir.placed
	}
}

func (op *dirOp) touches(dir *memDir, base string) bool {
	return slices.ContainsFunc(op.edits, func(e edit) bool { return e.dir == dir && e.base == base })
}
