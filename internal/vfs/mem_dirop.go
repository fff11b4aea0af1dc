package vfs

import (
	"maps"
	"slices"
	"time"
)

// maxUnsynced bounds the changes that a folder remembers. Beyond it the oldest
// become durable unasked, as they do in a kernel after some seconds, so that
// who never calls SyncDir does not fill the memory.
const maxUnsynced = 1 << 14

// dirOp is a change to one folder, or for a move to two, that a power cut may
// take back. It is guarded by Mem.mu.
type dirOp struct {
	seq   uint64
	kind  OpKind
	name  string // for Pending
	edits []edit // of a rename, the new name's is the last
	// needs are the earlier changes without which this one cannot be kept.
	needs   []*dirOp
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
	op.findNeeds()
	now := time.Now()
	for _, e := range edits {
		e.apply()
		e.dir.modTime = now
		e.dir.latest[e.base] = op
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

// findNeeds runs before op is applied. Besides the changes to the same entries,
// op needs what would otherwise lose an entry that is only moved: the places of
// the folders that it moves to, and all changes to a folder that it removes.
func (op *dirOp) findNeeds() {
	for _, e := range op.edits {
		op.need(e.dir.latest[e.base])
		if gone, ok := e.old.(*memDir); ok && op.kind == OpRemove {
			for _, within := range gone.unsynced {
				op.need(within)
			}
		}
	}
	if !op.moves() {
		return
	}
	for place := op.edits[1].dir.placed; place != nil; {
		op.need(place)
		place = place.edits[len(place.edits)-1].dir.placed
	}
}

func (op *dirOp) need(earlier *dirOp) {
	if earlier != nil && !earlier.durable {
		op.needs = append(op.needs, earlier)
	}
}

func (d *memDir) remember(op *dirOp) {
	d.unsynced = append(d.unsynced, op)
	if len(d.unsynced) > maxUnsynced {
		d.settle(maxUnsynced / 2)
	}
}

// settle makes the first count changes to d durable.
func (d *memDir) settle(count int) {
	for _, op := range d.unsynced[:count] {
		op.settle()
	}
	d.unsynced = slices.Clone(d.unsynced[count:])
	maps.DeleteFunc(d.latest, func(_ string, op *dirOp) bool { return op.durable })
}

// settle makes op durable, and what it needs.
func (op *dirOp) settle() {
	for _, earlier := range op.needs {
		earlier.settle()
	}
	op.needs, op.durable = nil, true
}
