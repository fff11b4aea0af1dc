package state

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// compactions are those of all DBs of a node: so many run at a time, and whose turn it is
// goes round. It has no goroutine: a compaction that ends lets the next one begin.
type compactions struct {
	mu struct {
		sync.Mutex
		free  int // how many more may run
		dbs   []*compacting
		turn  int
		moved *sync.Cond // a call of a DB has ended
	}
}

func newCompactions(limit int) *compactions {
	c := &compactions{}
	c.mu.free, c.mu.moved = limit, sync.NewCond(&c.mu)
	return c
}

// compacting is one DB's part in it: what Pebble asks before a compaction, and tells
// afterwards. None begins before the DB is open: Pebble cannot be stopped from running
// one while it fails to open.
type compacting struct {
	all *compactions
	db  pebble.DBForCompaction
	// The rest is guarded by all.mu.
	open, waiting, calling bool
}

var (
	_ pebble.CompactionScheduler   = (*compacting)(nil)
	_ pebble.CompactionGrantHandle = (*compacting)(nil)
)

// Register is called once, by Pebble.
func (c *compacting) Register(_ int, db pebble.DBForCompaction) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.db = db
	c.all.mu.dbs = append(c.all.mu.dbs, c)
}

// start lets the DB compact.
func (c *compacting) start() {
	c.all.mu.Lock()
	c.open = true
	c.all.mu.Unlock()
	c.all.grant()
}

// Unregister lets no more begin. It may be called twice.
func (c *compacting) Unregister() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.open = false
	for c.calling {
		c.all.mu.moved.Wait()
	}
	for i, d := range c.all.mu.dbs {
		if d == c {
			c.all.mu.dbs = append(c.all.mu.dbs[:i:i], c.all.mu.dbs[i+1:]...)
			return
		}
	}
}

// TrySchedule is asked with the DB's lock held. A refusal is remembered.
func (c *compacting) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if !c.open || c.all.mu.free == 0 {
		c.waiting = true
		return false, nil
	}
	c.all.mu.free--
	return true, c
}

// UpdateGetAllowedWithoutPermission has nothing to tell: a DB may run one, always.
func (c *compacting) UpdateGetAllowedWithoutPermission() {}

// Started is of no interest.
func (c *compacting) Started() {}

// MeasureCPU is of no interest.
func (c *compacting) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats is of no interest.
func (c *compacting) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done says that a compaction has ended.
func (c *compacting) Done() {
	c.all.mu.Lock()
	c.all.mu.free++
	c.all.mu.Unlock()
	c.all.grant()
}

// grant lets those begin that wait, as far as they may. No lock of a DB is held.
func (a *compactions) grant() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.mu.free > 0 {
		c := a.next()
		if c == nil {
			return
		}
		a.mu.free--
		c.calling = true
		a.mu.Unlock()
		wants, _ := c.db.GetWaitingCompaction()
		began := wants && c.db.Schedule(c)
		a.mu.Lock()
		c.calling = false
		a.mu.moved.Broadcast()
		if !began {
			a.mu.free++
			c.waiting = false
		}
	}
}

// next is whose turn it is, or nil. A DB is not called by two at once.
func (a *compactions) next() *compacting {
	for range a.mu.dbs {
		a.mu.turn++
		c := a.mu.dbs[a.mu.turn%len(a.mu.dbs)]
		if c.open && c.waiting && !c.calling {
			return c
		}
	}
	return nil
}
