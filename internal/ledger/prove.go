package ledger

import (
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/ledger/checkpoints"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

// Errors of [Ledger.Prove].
var (
	// ErrNoTree says that the ledger has no tree of a partition.
	ErrNoTree = errors.New("the ledger has no tree of this partition")
	// ErrAltered says that a record is not the one that the ledger has committed to.
	ErrAltered = errors.New("the record is not the one that the ledger committed to: the log or the salt was altered")
	// ErrNotYet says that an offset is not in a head yet.
	ErrNotYet = errors.New("the offset is not in the ledger yet")
)

// Head returns the newest head of a tree that is durable.
func (l *Ledger) Head(origin string) (store.Head, error) {
	id, ok := l.store.Find(origin)
	if !ok {
		return store.Head{}, fmt.Errorf("%w: %s", ErrNoTree, origin)
	}
	head, _ := l.store.Head(id)
	if head.RootIndex < 0 {
		return store.Head{}, fmt.Errorf("%w: %s has no head", ErrNotYet, origin)
	}
	return head, nil
}

// OpenTrees are those that may still grow, as their newest heads have them.
func (l *Ledger) OpenTrees() []proof.Tree {
	var open []proof.Tree
	for _, h := range l.store.Heads() {
		if t, err := proof.ParseOrigin(l.cfg.Origin, h.Origin); err == nil && !h.Closed && h.RootIndex >= 0 {
			open = append(open, t)
		}
	}
	return open
}

// An Opened record is what stands at an offset, as the log has it.
type Opened struct {
	Offset int64
	Record proof.Record
}

// Prove makes a proof file for records of one tree, in the order given. Records
// of transactions are to be followed by their markers. What it gives has been
// checked against the entries on disk, which have been checked against the head.
func (l *Ledger) Prove(origin string, records ...Opened) (*proof.File, error) {
	head, err := l.Head(origin)
	if err != nil {
		return nil, err
	}
	root, err := l.keepCovering(head.RootIndex)
	if err != nil {
		return nil, err
	}
	return l.proveBy(head, root, records)
}

// proveBy proves records by a head of their tree, and that by a checkpoint of the
// root log that is kept: nothing is signed for a proof that is not.
func (l *Ledger) proveBy(head store.Head, root checkpoints.Kept, records []Opened) (*proof.File, error) {
	id, _ := l.store.Find(head.Origin)
	included, err := l.proveHead(head.RootIndex, root)
	if err != nil {
		return nil, err
	}
	proven := proof.Head{Root: included}
	signed, err := l.keys.signTree(head.Checkpoint)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		p, err := l.proveRecord(id, head.Checkpoint, r)
		if err != nil {
			return nil, fmt.Errorf("offset %d: %w", r.Offset, err)
		}
		p.Signed = string(signed)
		proven.Records = append(proven.Records, p)
	}
	return &proof.File{Heads: []proof.Head{proven}}, nil
}

// proveHead proves an entry of the root log.
func (l *Ledger) proveHead(index int64, root checkpoints.Kept) (*proof.Inclusion, error) {
	entry, err := l.store.ReadRootEntry(index)
	if err != nil {
		return nil, err
	}
	path, err := tree.ProveInclusion(root.Checkpoint, index, l.store.RootTiles())
	return &proof.Inclusion{Extra: entry, Index: index, Path: path, Signed: string(root.Note)}, err
}

func (l *Ledger) proveRecord(id store.TreeID, head proof.Checkpoint, r Opened) (*proof.Inclusion, error) {
	if r.Offset >= head.Size {
		return nil, fmt.Errorf("%w: the newest head has %d", ErrNotYet, head.Size)
	}
	salt, err := l.store.ReadSalt(id, r.Offset)
	if err != nil {
		return nil, err
	}
	bundle, err := l.store.ReadEntries(id, r.Offset, 1)
	if err != nil {
		return nil, err
	}
	opening := r.Record.AppendCanonical(salt[:])
	want := proof.Entry{Offset: r.Offset, Timestamp: r.Record.Timestamp, Commitment: proof.Commit(opening)}
	if string(want.Append(nil)) != string(bundle[2:]) {
		return nil, ErrAltered
	}
	path, err := tree.ProveInclusion(head, r.Offset, l.store.Tiles(id))
	return &proof.Inclusion{Extra: opening, Index: r.Offset, Path: path}, err
}
