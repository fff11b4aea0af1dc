package ledger

import (
	"sync"
	"sync/atomic"

	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/ledger/leaves"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

const (
	// drainBytes of leaves that wait in memory are written ahead of their round.
	drainBytes = 4 << 20
	// pendingBytes of leaves make whoever adds more wait until some are written.
	pendingBytes = 16 << 20
)

// A Partition is a tree that grows. One goroutine adds to it; Ledger.Run takes
// what was added.
type Partition struct {
	ledger *Ledger
	id     store.TreeID
	origin string
	index  atomic.Pointer[index.Partition] // nil if it is not indexed; set by Index
	// durable is one past the last leaf that the root log has.
	durable atomic.Int64

	indexing sync.Mutex // held by Index; taken before mu

	mu struct {
		sync.Mutex
		room    sync.Cond // signalled when leaves were taken, and when the ledger ends
		growth  leaves.Growth
		closing string // why the generation ends with the next round; empty if it does not
		ended   bool   // the root log says so, or nothing of the tree is to be in it any more
		closed  bool
	}
}

func newPartition(l *Ledger, id store.TreeID, origin string, t *tree.Tree) *Partition {
	p := &Partition{ledger: l, id: id, origin: origin}
	p.mu.room.L = &p.mu
	p.mu.growth = leaves.Growth{Tree: t, First: t.Size()}
	p.durable.Store(t.Size())
	return p
}

// Next is the offset that the tree wants next: one past its last leaf.
func (p *Partition) Next() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.growth.Next()
}

// Durable is up to which offset the ledger needs the log no more: one past the
// last leaf that is durable and in the root log.
func (p *Partition) Durable() int64 { return p.durable.Load() }

// Over tells whether the tree takes no more leaves: its generation has ended, or
// the ledger has stopped. Another [Ledger.Open] gives the tree to go on with.
func (p *Partition) Over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.closed || p.mu.closing != ""
}

// Add adds the leaves of a batch that is below the high watermark, and whose
// CRC has been checked. An error other than ErrClosed tells of records that
// could not be read and became lost; the batch has its leaves all the same. Add
// waits while too much is unwritten.
func (p *Partition) Add(b batch.Batch) error {
	return p.add(int64(len(b)), func(m *leaves.Maker, g *leaves.Growth) error { return m.Batch(g, b) })
}

// Lost makes offsets before an offset that have no leaf yet lost, for a reason.
// A call adds at most 65,536, so that others have their turn; done tells that
// none are left.
func (p *Partition) Lost(to int64, why proof.Reason) (done bool, err error) {
	const most = 1 << 16
	err = p.add(0, func(m *leaves.Maker, g *leaves.Growth) error {
		m.Lost(g, min(to, g.Next()+most), why)
		done = g.Next() >= to
		return nil
	})
	return done, err
}

func (p *Partition) add(bytes int64, grow func(*leaves.Maker, *leaves.Growth) error) error {
	seen := p.see()
	defer seen.release()
	from, next, full, err := p.grow(seen.watching(grow))
	if next > from {
		p.ledger.grew(p, next-from, bytes, full) // without p's lock: Ledger.Open takes both in the other order
		seen.add(from, next)
	}
	return err
}

// grow waits for room and adds leaves. It tells of which offsets they are, and
// whether so many wait now that they are to be written at once.
func (p *Partition) grow(grow func(*leaves.Maker, *leaves.Growth) error) (from, next int64, full bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.crowded() && !p.mu.closed {
		p.mu.room.Wait()
	}
	if p.mu.closed || p.mu.closing != "" {
		return 0, 0, false, ErrClosed
	}
	if cap(p.mu.growth.Salts) == 0 {
		p.borrow(&p.mu.growth)
	}
	m := p.ledger.makers.Get().(*leaves.Maker)
	defer p.ledger.makers.Put(m)
	from = p.mu.growth.Next()
	before := p.unwritten()
	err = grow(m, &p.mu.growth)
	pending := p.ledger.pending.Add(int64(p.unwritten() - before))
	return from, p.mu.growth.Next(), p.unwritten() > drainBytes || pending > p.ledger.cfg.Pending/2, err
}

// crowded tells whether leaves have to be taken before more are added: many of
// this tree, or any where all trees together have too many.
func (p *Partition) crowded() bool {
	n := p.unwritten()
	return n > pendingBytes || n > 0 && p.ledger.pending.Load() > p.ledger.cfg.Pending
}

// unwritten is how many bytes wait in memory.
func (p *Partition) unwritten() int { return len(p.mu.growth.Entries) + len(p.mu.growth.Salts) }

// take hands out the leaves that wait, and the head that they lead to.
func (p *Partition) take() (g *leaves.Growth, head proof.Checkpoint, closing string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := &p.mu.growth
	taken := *now
	p.ledger.pending.Add(-int64(p.unwritten()))
	p.mu.growth = leaves.Growth{Tree: now.Tree, First: now.Next()}
	p.mu.room.Broadcast()
	if !p.mu.ended {
		closing = p.mu.closing
	}
	return &taken, proof.Checkpoint{Origin: p.origin, Size: now.Tree.Size(), Root: now.Tree.Root()}, closing
}

// maxSpares is how many growths of up to some drainBytes are kept for use again.
const maxSpares = 8

// borrow gives a growth without leaves memory that others are done with. Only
// partitions with leaves that wait have any: there may be many that are idle.
func (p *Partition) borrow(g *leaves.Growth) {
	select {
	case s := <-p.ledger.spares:
		g.Entries, g.Salts, g.Hashes = s.Entries, s.Salts, s.Hashes
		g.Reset()
	default:
	}
}

// giveBack lets leaves that were written be overwritten.
func (l *Ledger) giveBack(g *leaves.Growth) {
	select {
	case l.spares <- g:
	default:
	}
}

// dropSpare frees memory of a ledger that has nothing to do.
func (l *Ledger) dropSpare() {
	select {
	case <-l.spares:
	default:
	}
}

// Close ends the generation for a reason that stands in the root log, and takes
// no more leaves. What follows the topic's new beginning is another partition.
func (p *Partition) Close(reason string) {
	p.mu.Lock()
	p.mu.closing = reason
	p.mu.Unlock()
	p.ledger.grew(p, 0, 0, false)
}

// end notes that the root log says that the generation has ended: once is enough.
func (p *Partition) end() {
	p.mu.Lock()
	p.mu.ended = true
	p.mu.Unlock()
	p.stop()
}

// stop makes whoever waits give up.
func (p *Partition) stop() {
	p.mu.Lock()
	p.mu.closed = true
	p.mu.Unlock()
	p.mu.room.Broadcast()
}

// drop is stop, and forgets the leaves that wait, and that the generation was to
// end: whoever opens the tree again finds it as it is durable.
func (p *Partition) drop() {
	p.mu.Lock()
	p.mu.closed, p.mu.ended = true, true
	p.mu.Unlock()
	p.take()
}
