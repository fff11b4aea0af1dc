package ledger

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/evidentlog/evident/internal/ledger/leaves"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/proof"
)

// journalBytes is up to how many bytes of leaves go through the journal; more
// are synced in their place.
const journalBytes = 64 << 10

// drain writes leaves of partitions that have many, ahead of their round.
func (l *Ledger) drain(ctx context.Context) error {
	if l.sharing != nil {
		return l.shareRound(ctx) // leaves are nobody's before their round is in the bucket
	}
	l.mu.Lock()
	full := slices.Collect(maps.Keys(l.mu.full))
	clear(l.mu.full)
	l.mu.Unlock()
	for _, p := range full {
		g, _, _ := p.take()
		if len(g.Salts) == 0 {
			continue // taken before it was noted
		}
		if err := l.write(p, g); err != nil {
			return err
		}
		l.written[p] = true
	}
	return nil
}

// A share is what a partition adds to a round.
type share struct {
	p      *Partition
	growth *leaves.Growth
	head   proof.Checkpoint // that growth leads to
	// closing is why the generation ends; empty if it does not.
	closing string
	placed  bool // growth was written where it belongs, and given back
}

// round makes durable what was added since the last round, and signs it.
func (l *Ledger) round(ctx context.Context) error {
	if l.sharing != nil {
		return l.shareRound(ctx)
	}
	l.begin()
	var r store.Round
	var shares []*share
	now := l.now()
	for _, p := range l.takeGrown() {
		s := l.collect(p)
		if s == nil {
			continue
		}
		if err := l.place(&r, s); err != nil {
			return err
		}
		r.Roots = append(r.Roots, l.rootEntry(now, s.head, s.closing))
		shares = append(shares, s)
	}
	if len(shares) == 0 {
		l.dropSpare()
		return nil
	}
	return l.commit(r, shares)
}

// begin notes that a round begins.
func (l *Ledger) begin() {
	l.records.Store(0)
	l.bytes.Store(0)
}

// collect takes what a partition has; nil if all of it is in an earlier round.
func (l *Ledger) collect(p *Partition) *share {
	g, head, closing := p.take()
	if len(g.Salts) == 0 && !l.written[p] && closing == "" {
		return nil
	}
	return &share{p: p, growth: g, head: head, closing: closing}
}

// commit makes a round durable on this node, and signs the root log.
func (l *Ledger) commit(r store.Round, shares []*share) error {
	defer l.metrics.timed(time.Now())
	if err := l.store.Commit(r); err != nil {
		return err
	}
	for _, s := range shares {
		l.finish(s)
	}
	return l.sign()
}

// place puts leaves into the round, or where they belong if they are many.
func (l *Ledger) place(r *store.Round, s *share) error {
	g := s.growth
	if l.written[s.p] || len(g.Entries)+len(g.Salts) > journalBytes {
		r.Written = append(r.Written, s.p.id)
		s.placed = true
		delete(l.written, s.p)
		return l.write(s.p, g)
	}
	if len(g.Salts) == 0 {
		return nil
	}
	r.Chunks = append(r.Chunks, chunk(s.p, g))
	// Ahead of the round: who sees its heads proves with them.
	return l.writeHashes(s.p, g)
}

func (l *Ledger) rootEntry(now int64, head proof.Checkpoint, closing string) []byte {
	e := proof.RootEntry{Kind: proof.HeadEntry, Time: now, Checkpoint: head, External: l.cfg.External}
	if closing != "" {
		e.Kind, e.Details = proof.ClosedEntry, []string{"reason " + closing}
	}
	return e.Bytes()
}

func (l *Ledger) takeGrown() []*Partition {
	l.mu.Lock()
	defer l.mu.Unlock()
	grown := slices.SortedFunc(maps.Keys(l.mu.grown), func(a, b *Partition) int { return cmp.Compare(a.origin, b.origin) })
	clear(l.mu.grown)
	clear(l.mu.full)
	return grown
}

// finish does what is left to do for a partition whose round is durable.
func (l *Ledger) finish(s *share) {
	s.p.durable.Store(s.head.Size)
	if !s.placed {
		l.giveBack(s.growth)
	}
	if s.closing != "" {
		s.p.end()
		if err := s.p.Index(false); err != nil { // its files are removed by the index's own goroutine
			l.cfg.Logger.Error("the index of a tree that is closed cannot be removed", "tree", s.p.origin, "error", err)
		}
		l.mu.Lock()
		delete(l.mu.partitions, s.p.origin)
		l.mu.Unlock()
	}
}

// sign signs the root log as it is on disk, and shows that. What is shown is
// written first, for checkSigned.
func (l *Ledger) sign() error {
	root := l.rootHead()
	signed, err := l.keys.signRoot(root)
	if err == nil {
		err = l.store.KeepCheckpoint(signed)
	}
	if err != nil {
		return err
	}
	l.signed.Store(&signedRoot{root, signed, time.Now()})
	return l.keepNowAndThen()
}

func (l *Ledger) rootHead() proof.Checkpoint {
	size, root := l.store.RootHead()
	return proof.Checkpoint{Origin: l.cfg.Origin, Size: size, Root: root}
}

// write puts leaves in their places.
func (l *Ledger) write(p *Partition, g *leaves.Growth) error {
	if err := l.store.Write(chunk(p, g)); err != nil {
		return err
	}
	if err := l.writeHashes(p, g); err != nil {
		return err
	}
	l.giveBack(g)
	return nil
}

func (l *Ledger) writeHashes(p *Partition, g *leaves.Growth) error {
	return l.store.WriteHashes(p.id, g.First+int64(len(g.Salts)/proof.SaltSize), &g.Hashes)
}

func chunk(p *Partition, g *leaves.Growth) store.Chunk {
	return store.Chunk{Tree: p.id, From: g.First, Entries: g.Entries, Salts: g.Salts}
}
