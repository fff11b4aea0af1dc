package ledger

import (
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/ledger/checkpoints"
	"github.com/evidentlog/evident/proof"
)

// ErrNotAnchored says that no anchor has confirmed a checkpoint that covers what
// is to be proven.
var ErrNotAnchored = errors.New("not anchored yet")

// A Receipts has what anchors gave for checkpoints that are kept. Its methods may
// be called by any goroutine.
type Receipts interface {
	// Of returns the receipts for the checkpoint of a size.
	Of(size int64) ([]proof.Receipt, error)
	// First returns the smallest size, from one on, for which there is a receipt.
	First(from int64) (size int64, ok bool)
}

// lookAhead is how many anchored checkpoints are looked at to find one that is
// witnessed too.
const lookAhead = 64

// ToAnchor keeps the newest checkpoint that an anchor should get, and returns
// it: with a policy, one that fulfils it.
func (l *Ledger) ToAnchor() (checkpoints.Kept, error) {
	if l.cfg.Policy == nil {
		return l.KeepNewest()
	}
	size, _ := l.witnessed.now()
	if size < 0 {
		return checkpoints.Kept{}, ErrNotWitnessed
	}
	return l.kept.At(size)
}

// ProveAnchored makes a proof file as Prove does, with the earliest time that
// anchors make certain: by the first head of the tree that covers the records,
// and the first anchored checkpoint that covers the head. With a policy, and
// unless it is to be unwitnessed, that checkpoint fulfils it. The error is
// ErrNotAnchored if there is none.
func (l *Ledger) ProveAnchored(origin string, unwitnessed bool, records ...Opened) (*proof.File, error) {
	if l.cfg.Receipts == nil {
		return nil, ErrNotAnchored
	}
	newest, err := l.Head(origin)
	if err != nil {
		return nil, err
	}
	last := int64(0)
	for _, r := range records {
		last = max(last, r.Offset)
	}
	head, err := l.store.FirstHead(newest, last)
	if err != nil {
		return nil, err
	}
	root, err := l.firstAnchored(head.RootIndex+1, unwitnessed || l.cfg.Policy == nil)
	if err != nil {
		return nil, err
	}
	f, err := l.proveBy(head, root, records)
	if err != nil {
		return nil, err
	}
	f.Heads[0].Receipts, err = l.cfg.Receipts.Of(root.Size)
	return f, err
}

// firstAnchored returns the first checkpoint of at least a size that is anchored
// and, unless any will do, witnessed.
func (l *Ledger) firstAnchored(size int64, anyDoes bool) (checkpoints.Kept, error) {
	for range lookAhead {
		found, ok := l.cfg.Receipts.First(size)
		if !ok {
			break
		}
		k, err := l.kept.At(found)
		switch {
		case errors.Is(err, checkpoints.ErrNotKept): // the receipts are of another copy of the folder
		case err != nil || anyDoes || l.fulfilled(k):
			return k, err
		}
		size = found + 1
	}
	return checkpoints.Kept{}, fmt.Errorf("%w: of the root log, %d entries must be", ErrNotAnchored, size)
}
