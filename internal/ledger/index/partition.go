package index

import (
	"slices"
	"sync"

	"github.com/evidentlog/evident/proof"
)

// maxFull is how many slices of a partition may wait for the disk.
const maxFull = 4

// A Partition is the index of one. Records are added by one goroutine as they
// come, and by another that reads the log again where the index is behind.
type Partition struct {
	ix   *Index
	name Name
	dir  string

	// files is held for writing while files are removed, and for reading while
	// they are read. It is taken after work and before mu.
	files sync.RWMutex
	work  sync.Mutex // held by whoever makes, replaces or removes files; taken first
	made  bool       // the folder is there, durably; guarded by work
	old   []string   // files that are to be removed; guarded by work

	mu struct {
		sync.Mutex
		blocks  []*block        // in the order of offsets, without gaps; replaced, never changed
		full    []*slice        // that are to be written, oldest first
		growing *slice          // the newest
		live    int64           // up to where records have come
		erased  [][]proof.Range // that the index does not reach yet
		start   int64           // of the log: what is before it may go
		version int64           // of the file that was written last
		stopped bool
	}
}

// Name is the partition's.
func (p *Partition) Name() Name { return p.name }

// Next is the offset that the index wants next.
func (p *Partition) Next() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.growing.next
}

// Behind tells whether records have come that the index does not have: what lies
// between must be read from the log, and added.
func (p *Partition) Behind() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.mu.stopped && p.mu.growing.next < p.mu.live
}

// Live is up to where records have come, whether the index has them or not.
func (p *Partition) Live() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.live
}

// growing is how much memory the newest slice has, in bytes.
func (p *Partition) growing() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.growing.size()
}

// Added tells what became of records that were added.
type Added int

// What can become of them.
const (
	Taken  Added = iota
	TooFar       // they begin behind Next: others must be added first
	NoRoom       // the disk does not keep up: they are to be added again later
	Ended        // the index is not kept any more
)

// Add adds the records of offsets from..next, which c has collected. Those that it
// has already are passed over. Records that are not taken are told of by
// [Index.Late] and [Partition.Behind].
func (p *Partition) Add(from, next int64, c *Collector) Added {
	added, full := p.add(from, next, c)
	if full {
		poke(p.ix.wake)
	}
	if added == TooFar || added == NoRoom {
		poke(p.ix.late)
	}
	return added
}

func (p *Partition) add(from, next int64, c *Collector) (added Added, full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.live = max(p.mu.live, next)
	switch {
	case p.mu.stopped:
		return Ended, false
	case from > p.mu.growing.next:
		return TooFar, false
	case len(p.mu.full) >= maxFull:
		return NoRoom, true
	}
	before := p.mu.growing.size()
	taken := int64(0)
	for i := range c.items {
		it := &c.items[i]
		if it.offset < p.mu.growing.next || len(p.mu.erased) > 0 && p.wasErased(it.offset) {
			continue
		}
		if !p.mu.growing.fits(it.offset) || p.mu.growing.records >= p.ix.cfg.BlockRecords {
			p.ix.memory.Add(p.mu.growing.size() - before)
			p.cutLocked()
			before, full = p.mu.growing.size(), true
		}
		p.mu.growing.add(it)
		p.mu.growing.next = it.offset + 1
		taken++
	}
	p.ix.records.Add(taken)
	p.mu.growing.next = max(p.mu.growing.next, next)
	p.forgetErased()
	memory := p.ix.memory.Add(p.mu.growing.size() - before)
	return Taken, full || memory > memoryLimit
}

// Skip tells that there are no records before an offset that the index does not
// have: the log begins there.
func (p *Partition) Skip(to int64) { p.Add(p.Next(), to, &Collector{}) }

// cut lets the newest slice be written.
func (p *Partition) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutLocked()
}

func (p *Partition) cutLocked() {
	old := p.mu.growing
	if old.records == 0 {
		return // that there was nothing is soon found out again
	}
	p.mu.full = append(p.mu.full, old)
	p.mu.growing = &slice{first: old.next, next: old.next}
	if old.records < p.ix.cfg.BlockRecords {
		return
	}
	for f := range old.slots { // what follows will be as much
		p.mu.growing.slots[f] = make([]uint64, 0, len(old.slots[f]))
	}
	p.ix.memory.Add(p.mu.growing.size())
}

// Trim tells where the log begins. Files that have nothing behind it go.
func (p *Partition) Trim(start int64) {
	p.mu.Lock()
	blocks := p.mu.blocks
	p.mu.start = max(p.mu.start, start)
	old := len(blocks) > 0 && blocks[0].next <= start
	p.mu.Unlock()
	if old {
		poke(p.ix.wake)
	}
}

// forget makes the partition an empty one that begins at offset 0. p.work is held.
func (p *Partition) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutOff(0, 0)
}

// cutOff forgets all but the first n blocks, and what is in memory: the index
// reaches up to an offset from here on. p.work and p.mu are held.
func (p *Partition) cutOff(n int, next int64) {
	for _, s := range append(p.mu.full, p.mu.growing) {
		p.ix.memory.Add(-s.size())
	}
	p.mu.blocks, p.mu.full, p.mu.growing = slices.Clone(p.mu.blocks[:n]), nil, &slice{first: next, next: next}
}
