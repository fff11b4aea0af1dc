package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/internal/ledger/shared"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

// adoptBytes of rounds are enough for one commit to this node's files.
const adoptBytes = 4 << 20

// An adoption puts rounds of other nodes into this node's files: as many as are
// there, since a node may have a year of them to read.
type adoption struct {
	l         *Ledger
	root      *tree.Tree // of the root log, with the rounds
	round     store.Round
	bytes     int
	grown     map[string]*tree.Tree // by origin
	erases    bool
	overtaken map[*Partition]bool // of this node
}

// adopt applies the round that was read, and those after it that are at hand. All
// is checked: leaves must lead to heads. Partitions of this node that are
// overtaken are let go.
func (l *Ledger) adopt(ctx context.Context) error {
	l.opening.Lock() // a tree that is opened meanwhile would have an old head
	defer l.opening.Unlock()
	size, _ := l.store.RootHead()
	root, err := tree.Resume(size, l.store.RootTiles())
	if err != nil {
		return err
	}
	a := adoption{l: l, root: root, grown: map[string]*tree.Tree{}, overtaken: map[*Partition]bool{}}
	for more := true; more; {
		if err := a.add(l.sharing.round); err != nil {
			return err
		}
		if more, err = a.more(ctx); err != nil {
			return err
		}
	}
	if err := a.commit(); err != nil {
		return err
	}
	l.sharing.changed = true
	l.letGo(a.overtaken)
	l.rebase(a.overtaken)
	return nil
}

// add checks a round, and adds it to the others.
func (a *adoption) add(r *shared.Round) error {
	if err := a.l.checkShared(r, a.root); err != nil {
		return err
	}
	heads, err := a.readHeads(r.Roots)
	if err != nil {
		return err
	}
	for i := range r.Leaves {
		if err := a.grow(&r.Leaves[i]); err != nil {
			return err
		}
	}
	if err := a.checkHeads(heads); err != nil {
		return err
	}
	a.overtake(heads)
	var streams tree.Streams
	for _, e := range r.Roots {
		a.root.Append(tlog.RecordHash(e), &streams)
		a.bytes += len(e)
	}
	a.round.Roots = append(a.round.Roots, r.Roots...)
	return nil
}

// more reads the next round, and tells whether it can be adopted with the others.
// If not, it is left to whoever adopts next.
func (a *adoption) more(ctx context.Context) (bool, error) {
	s := a.l.sharing
	s.round = nil
	if s.proposal != nil || a.erases || a.bytes >= adoptBytes || s.journal.Read() {
		return false, nil
	}
	var err error
	if s.round, err = s.journal.Next(ctx); err != nil || s.round == nil {
		return false, fromBucket(err)
	}
	erased, err := erasures(s.round)
	return len(erased) == 0, err
}

// readHeads reads the entries of the root log, and opens their trees.
func (a *adoption) readHeads(roots [][]byte) (heads []proof.RootEntry, err error) {
	for _, b := range roots {
		e, err := proof.ParseRootEntry(b)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", shared.ErrDamaged, err)
		}
		if _, err := proof.ParseOrigin(a.l.cfg.Origin, e.Checkpoint.Origin); err != nil {
			return nil, fmt.Errorf("%w: %w", shared.ErrDamaged, err)
		}
		a.l.store.Create(e.Checkpoint.Origin)
		a.l.lastTime = max(a.l.lastTime, e.Time)
		a.erases = a.erases || e.Kind == proof.ErasedEntry
		heads = append(heads, e)
	}
	a.l.watchTime()
	return heads, nil
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

// place puts leaves into the round, or where they belong if they are many: then
// with those of the tree that are in the round already, since what goes through
// the journal may not come before what is in its place.
func (a *adoption) place(c store.Chunk) error {
	a.bytes += len(c.Entries) + len(c.Salts)
	if len(c.Entries)+len(c.Salts) <= journalBytes {
		a.round.Chunks = append(a.round.Chunks, c)
		return nil
	}
	a.round.Written = append(a.round.Written, c.Tree)
	ofTree := func(before store.Chunk) bool { return before.Tree == c.Tree }
	for _, before := range a.round.Chunks {
		if ofTree(before) {
			if err := a.l.store.Write(before); err != nil {
				return err
			}
		}
	}
	a.round.Chunks = slices.DeleteFunc(a.round.Chunks, ofTree)
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
func (a *adoption) checkHeads(heads []proof.RootEntry) error {
	for _, e := range heads {
		now := a.now(e.Checkpoint.Origin)
		if e.Checkpoint != now {
			return fmt.Errorf("%w: a head of %s with %d leaves and root %v, and its leaves lead to %d with %v",
				shared.ErrDamaged, now.Origin, e.Checkpoint.Size, e.Checkpoint.Root, now.Size, now.Root)
		}
	}
	return nil
}

// now is the head of a tree with the leaves of the rounds.
func (a *adoption) now(origin string) proof.Checkpoint {
	if t := a.grown[origin]; t != nil {
		return proof.Checkpoint{Origin: origin, Size: t.Size(), Root: t.Root()}
	}
	id, _ := a.l.store.Find(origin)
	head, _ := a.l.store.Head(id)
	return head.Checkpoint
}

// overtake notes this node's partitions whose trees are others now.
func (a *adoption) overtake(heads []proof.RootEntry) {
	l := a.l
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range heads {
		p := l.mu.partitions[e.Checkpoint.Origin]
		if p != nil && (a.grown[p.origin] != nil || e.Kind == proof.ClosedEntry) {
			a.overtaken[p] = true
		}
	}
}

// commit makes the rounds durable. One that erases, which is alone, destroys salts
// in this node's journal too.
func (a *adoption) commit() error {
	if a.erases && len(a.grown) == 0 {
		return a.l.store.Erase(a.round.Roots)
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
		p.drop()
	}
}

// eraseInBucket destroys the salts in the bucket that a round says are erased.
// It is done before the round is in this node's files, by each node: so it is
// done, whoever crashes.
func (l *Ledger) eraseInBucket(ctx context.Context, r *shared.Round) error {
	entries, err := erasures(r)
	if err != nil {
		return err
	}
	for _, e := range entries {
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

// erasures are the entries of a round that say that records were erased.
func erasures(r *shared.Round) (erased []proof.RootEntry, err error) {
	for _, b := range r.Roots {
		e, err := proof.ParseRootEntry(b)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", shared.ErrDamaged, err)
		}
		if e.Kind == proof.ErasedEntry {
			erased = append(erased, e)
		}
	}
	return erased, nil
}

// sizeAt is how many leaves a tree had when the root log had a size, which may be
// one that it will have.
func (l *Ledger) sizeAt(origin string, root int64) (int64, error) {
	id, ok := l.store.Find(origin)
	if !ok {
		return 0, nil
	}
	newest, _ := l.store.Head(id)
	return l.store.SizeAt(newest, root)
}
