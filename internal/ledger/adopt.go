package ledger

import (
	"context"
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/internal/ledger/shared"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

// An adoption puts a round of another node into this node's files.
type adoption struct {
	l     *Ledger
	round store.Round
	grown map[string]*tree.Tree // by origin
	heads []proof.RootEntry
}

// adopt applies a round of another node, all of which is checked: its leaves
// must lead to its heads. Partitions of this node that it overtakes are let go.
func (l *Ledger) adopt(r *shared.Round) error {
	if err := l.checkShared(r); err != nil {
		return err
	}
	l.opening.Lock() // a tree that is opened meanwhile would have an old head
	defer l.opening.Unlock()
	a := adoption{l: l, grown: map[string]*tree.Tree{}}
	if err := a.readHeads(r.Roots); err != nil {
		return err
	}
	for i := range r.Leaves {
		if err := a.grow(&r.Leaves[i]); err != nil {
			return err
		}
	}
	if err := a.checkHeads(); err != nil {
		return err
	}
	overtaken := a.overtaken()
	if err := a.commit(); err != nil {
		return err
	}
	l.letGo(overtaken)
	l.rebase(overtaken)
	return nil
}

// readHeads reads the entries of the root log, and opens their trees.
func (a *adoption) readHeads(roots [][]byte) error {
	for _, b := range roots {
		e, err := proof.ParseRootEntry(b)
		if err != nil {
			return fmt.Errorf("%w: %w", shared.ErrDamaged, err)
		}
		if _, err := proof.ParseOrigin(a.l.cfg.Origin, e.Checkpoint.Origin); err != nil {
			return fmt.Errorf("%w: %w", shared.ErrDamaged, err)
		}
		a.l.store.Create(e.Checkpoint.Origin)
		a.l.lastTime = max(a.l.lastTime, e.Time)
		a.heads = append(a.heads, e)
	}
	a.round.Roots = roots
	return nil
}

// grow adds leaves to a tree.
func (a *adoption) grow(leaves *shared.Leaves) error {
	id, ok := a.l.store.Find(leaves.Origin)
	if !ok {
		return fmt.Errorf("%w: leaves of %s, and no head", shared.ErrDamaged, leaves.Origin)
	}
	t, err := a.l.replica(id)
	if err != nil {
		return err
	}
	if t.Size() != leaves.First {
		return fmt.Errorf("%w: leaves of %s from %d on, and the tree has %d", shared.ErrDamaged, leaves.Origin, leaves.First, t.Size())
	}
	var streams tree.Streams
	const prefixed = 2 + proof.EntrySize
	for b := leaves.Entries; len(b) > 0; b = b[prefixed:] {
		if binary.BigEndian.Uint16(b) != proof.EntrySize {
			return fmt.Errorf("%w: leaf %d of %s is of another size", shared.ErrDamaged, t.Size(), leaves.Origin)
		}
		t.Append(tlog.RecordHash(b[2:prefixed]), &streams)
	}
	a.grown[leaves.Origin] = t
	if err := a.place(store.Chunk{Tree: id, From: leaves.First, Entries: leaves.Entries, Salts: leaves.Salts}); err != nil {
		return err
	}
	return a.l.store.WriteHashes(id, t.Size(), &streams)
}

func (a *adoption) place(c store.Chunk) error {
	if len(c.Entries)+len(c.Salts) <= journalBytes {
		a.round.Chunks = append(a.round.Chunks, c)
		return nil
	}
	a.round.Written = append(a.round.Written, c.Tree)
	return a.l.store.Write(c)
}

// replica returns a tree that another node lets grow, as this node has it.
func (l *Ledger) replica(id store.TreeID) (t *tree.Tree, err error) {
	trees := l.sharing.trees
	if t = trees[id]; t == nil {
		if t, err = l.store.OpenTree(id); err == nil {
			trees[id] = t
		}
	}
	return t, err
}

// checkHeads compares the heads with the trees that they are of.
func (a *adoption) checkHeads() error {
	for _, e := range a.heads {
		now := a.now(e.Checkpoint.Origin)
		if e.Checkpoint != now {
			return fmt.Errorf("%w: a head of %s with %d leaves and root %v, and its leaves lead to %d with %v",
				shared.ErrDamaged, now.Origin, e.Checkpoint.Size, e.Checkpoint.Root, now.Size, now.Root)
		}
	}
	return nil
}

// now is the head of a tree with the leaves of the round.
func (a *adoption) now(origin string) proof.Checkpoint {
	if t := a.grown[origin]; t != nil {
		return proof.Checkpoint{Origin: origin, Size: t.Size(), Root: t.Root()}
	}
	id, _ := a.l.store.Find(origin)
	head, _ := a.l.store.Head(id)
	return head.Checkpoint
}

// overtaken are this node's partitions whose trees are others now.
func (a *adoption) overtaken() map[*Partition]bool {
	l := a.l
	l.mu.Lock()
	defer l.mu.Unlock()
	over := map[*Partition]bool{}
	for _, e := range a.heads {
		p := l.mu.partitions[e.Checkpoint.Origin]
		if p != nil && (a.grown[p.origin] != nil || e.Kind == proof.ClosedEntry) {
			over[p] = true
		}
	}
	return over
}

// commit makes the round durable. One that erases destroys salts in this node's
// journal too.
func (a *adoption) commit() error {
	for _, e := range a.heads {
		if e.Kind == proof.ErasedEntry && len(a.grown) == 0 {
			return a.l.store.Erase(a.round.Roots)
		}
	}
	return a.l.store.Commit(a.round)
}

// letGo ends partitions that were overtaken: whoever adds to them opens them
// again, as they are now.
func (l *Ledger) letGo(overtaken map[*Partition]bool) {
	for p := range overtaken {
		l.cfg.Logger.Info("another node has gone on with a tree", "tree", p.origin)
		l.mu.Lock()
		delete(l.mu.partitions, p.origin)
		delete(l.mu.grown, p)
		delete(l.mu.full, p)
		l.mu.Unlock()
		p.stop()
	}
}

// eraseInBucket destroys the salts in the bucket that a round says are erased.
// It is done before the round is in this node's files, by each node: so it is
// done, whoever crashes.
func (l *Ledger) eraseInBucket(ctx context.Context, r *shared.Round) error {
	for _, b := range r.Roots {
		e, err := proof.ParseRootEntry(b)
		if err != nil {
			return fmt.Errorf("%w: %w", shared.ErrDamaged, err)
		}
		if e.Kind != proof.ErasedEntry {
			continue
		}
		ranges, _, err := e.Erased()
		if err != nil {
			return fmt.Errorf("%w: %w", shared.ErrDamaged, err)
		}
		for _, offsets := range ranges {
			err := l.sharing.journal.Erase(ctx, e.Checkpoint.Origin, offsets.First, offsets.Last, func(root int64) (int64, error) {
				return l.sizeAt(e.Checkpoint.Origin, root)
			})
			if err != nil {
				return fromBucket(err)
			}
		}
	}
	return nil
}

// sizeAt is how many leaves a tree had when the root log had a size, which may
// be one that it will have.
func (l *Ledger) sizeAt(origin string, root int64) (int64, error) {
	size, _ := l.store.RootHead()
	for at := min(root, size) - 1; at >= 0; at-- {
		b, err := l.store.ReadRootEntry(at)
		if err != nil {
			return 0, err
		}
		e, err := proof.ParseRootEntry(b)
		if err != nil {
			return 0, err
		}
		if e.Checkpoint.Origin == origin {
			return e.Checkpoint.Size, nil
		}
	}
	return 0, nil
}
