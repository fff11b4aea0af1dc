package ledger

import (
	"cmp"
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
func (l *Ledger) drain() error {
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
	growth *leaves.Growth // that goes through the journal; nil if it was written
	closed bool
}

// round makes durable what was added since the last round, and signs it.
func (l *Ledger) round() error {
	l.records.Store(0)
	l.bytes.Store(0)
	r, shares, err := l.collect()
	if err != nil || len(r.Roots) == 0 {
		l.dropSpare()
		return err
	}
	if err := l.store.Commit(r); err != nil {
		return err
	}
	for _, s := range shares {
		l.finish(s)
	}
	return l.sign()
}

// collect takes what partitions have, in the order of their origins.
func (l *Ledger) collect() (r store.Round, shares []share, err error) {
	now := max(l.lastTime, l.cfg.Now().UnixMilli()) // a clock that is set back stands still here
	for _, p := range l.takeGrown() {
		g, head, closing := p.take()
		s := share{p: p, growth: g, closed: closing != ""}
		if len(g.Salts) == 0 && !l.written[p] && !s.closed {
			continue // all that it had is in an earlier round
		}
		if l.written[p] || len(g.Entries)+len(g.Salts) > journalBytes {
			if err := l.write(p, g); err != nil {
				return r, nil, err
			}
			r.Written = append(r.Written, p.id)
			s.growth = nil
		} else if len(g.Salts) > 0 {
			// Ahead of the round: who sees its heads proves with them.
			if err := l.writeHashes(p, g); err != nil {
				return r, nil, err
			}
			r.Chunks = append(r.Chunks, chunk(p, g))
		}
		r.Roots = append(r.Roots, l.rootEntry(now, head, closing))
		shares = append(shares, s)
		delete(l.written, p)
	}
	l.lastTime = now
	return r, shares, nil
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
func (l *Ledger) finish(s share) {
	if s.growth != nil {
		l.giveBack(s.growth)
	}
	if s.closed {
		s.p.end()
		if err := s.p.Index(false); err != nil {
			l.cfg.Logger.Error("what the index has of a tree that is closed could not be removed, and is when the node is started again",
				"tree", s.p.origin, "error", err)
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
