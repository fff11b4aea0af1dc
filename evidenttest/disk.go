package evidenttest

import (
	"fmt"
	"sync"

	"github.com/evidentlog/evident/internal/vfs"
)

// Loss is what a node that ends without warning leaves of what was written and not
// synced.
type Loss int

const (
	// LoseUnsynced is a power cut that keeps only what was synced.
	LoseUnsynced Loss = iota
	// TearUnsynced is a power cut that keeps some blocks of what was not synced and
	// loses others, by the test's seed: torn writes.
	TearUnsynced
	// LoseNothing is the end of the process alone (kill -9): the system still has what
	// was written.
	LoseNothing
)

// String says it in words.
func (l Loss) String() string {
	switch l {
	case LoseUnsynced:
		return "what was not synced is lost"
	case TearUnsynced:
		return "some of what was not synced is lost"
	case LoseNothing:
		return "nothing that was written is lost"
	}
	return fmt.Sprintf("Loss(%d)", int(l))
}

// disk is what the node stands on: memory that outlives it, with the faults.
type disk struct {
	node *Node

	mu  sync.Mutex
	mem *vfs.Mem // nil: a filesystem of the test's own
	own vfs.FS   // that
}

func newDisk(n *Node) *disk {
	mem, _ := n.cfg.FS.(*vfs.Mem)
	return &disk{node: n, mem: mem, own: n.cfg.FS}
}

// fs is the disk as the next node sees it.
func (d *disk) fs() vfs.FS {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mem == nil {
		return vfs.NewFaulty(d.own, d.node.faults.disk)
	}
	return vfs.NewFaulty(d.mem, d.node.faults.disk)
}

// ours tells whether the disk can lose power.
func (d *disk) ours() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mem != nil
}

// crash leaves the disk as a power cut does.
func (d *disk) crash(keep vfs.Keep) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mem = d.mem.Crash(keep)
}

// keep is what a loss keeps; nth is the number of the cut.
func (l Loss) keep(seed, nth uint64) vfs.Keep {
	switch l {
	case TearUnsynced:
		return vfs.KeepRandom(seed + nth)
	case LoseNothing:
		return vfs.KeepAll
	}
	return vfs.KeepNone
}
