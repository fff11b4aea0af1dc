package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/evidentlog/evident/internal/ledger/checkpoints"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

// ErrNotWitnessed says that the quorum of the ledger's policy has not cosigned a
// checkpoint that covers what is to be proven.
var ErrNotWitnessed = errors.New("not cosigned by a quorum of witnesses yet")

const (
	// witnessWait is how long a proof waits for witnesses.
	witnessWait = 5 * time.Second
	// lookBack is how many entries of the root log are read to find an older head
	// that is witnessed: some seconds of a thousand partitions.
	lookBack = 4096
	// lookBackKept is how many kept checkpoints are looked at, when the ledger is
	// opened, to find one that is witnessed.
	lookBackKept = 10_000
)

// witnessed is the newest checkpoint that fulfils the policy.
type witnessed struct {
	sync.Mutex
	size int64         // -1 if there is none
	news chan struct{} // closed when size grows
}

// openWitnessed finds where witnesses are, and refuses a policy that no proof of
// this ledger could fulfil.
func (l *Ledger) openWitnessed() error {
	l.witnessed.size, l.witnessed.news = -1, make(chan struct{})
	if l.cfg.Policy == nil {
		return nil
	}
	ours := func(p proof.PolicyLog) bool {
		return slices.ContainsFunc(l.Verifiers(), func(v *proof.Verifier) bool { return v.String() == p.Key.String() })
	}
	if len(l.cfg.Policy.Logs) > 0 && !slices.ContainsFunc(l.cfg.Policy.Logs, ours) {
		return fmt.Errorf("the ledger's policy has lines of logs, and none of this one: add \"log %s\"", l.Verifiers()[0])
	}
	k, err := l.kept.NewestWhere(0, lookBackKept, l.fulfilled)
	if errors.Is(err, checkpoints.ErrNotKept) {
		return nil
	}
	l.witnessed.size = k.Size
	return err
}

func (l *Ledger) fulfilled(k checkpoints.Kept) bool {
	return len(k.Cosigned) > 0 && l.cfg.Policy.Fulfilled(k.Cosigned)
}

// Size is that of the newest checkpoint of the root log.
func (l *Ledger) Size() int64 { return l.signed.Load().Size }

// CosignedSize is the largest size that a witness has cosigned, -1 if there is none.
func (l *Ledger) CosignedSize(witness *proof.Verifier) int64 { return l.kept.CosignedSize(witness) }

// Consistency proves that a checkpoint continues the root log at a size.
func (l *Ledger) Consistency(c proof.Checkpoint, old int64) ([]proof.Hash, error) {
	return tree.ProveConsistency(c, old, l.store.RootTiles())
}

// Wanted is sent to when a proof waits for witnesses.
func (l *Ledger) Wanted() <-chan struct{} { return l.wanted }

// Cosign keeps the cosignature of a witness for a checkpoint that is kept, and
// lets proofs go that wait for it.
func (l *Ledger) Cosign(c proof.Checkpoint, witness *proof.Verifier, sig []byte) error {
	if err := l.kept.Cosign(c, witness, sig); err != nil || l.cfg.Policy == nil {
		return err
	}
	k, err := l.kept.At(c.Size)
	if err != nil || !l.fulfilled(k) {
		return err
	}
	w := &l.witnessed
	w.Lock()
	defer w.Unlock()
	if c.Size > w.size {
		w.size = c.Size
		close(w.news)
		w.news = make(chan struct{})
	}
	return nil
}

// now returns the newest size that is witnessed, and what tells of the next.
func (w *witnessed) now() (size int64, news <-chan struct{}) {
	w.Lock()
	defer w.Unlock()
	return w.size, w.news
}

// ProveWitnessed makes a proof file as Prove does, with a checkpoint that
// fulfils the ledger's policy; without a policy it is Prove. It waits some
// seconds for the witnesses, and then gives up with ErrNotWitnessed.
func (l *Ledger) ProveWitnessed(ctx context.Context, origin string, records ...Opened) (*proof.File, error) {
	if l.cfg.Policy == nil {
		return l.Prove(origin, records...)
	}
	least := int64(0)
	for _, r := range records {
		least = max(least, r.Offset+1)
	}
	head, size, err := l.witnessedHead(ctx, origin, least)
	if err != nil {
		return nil, err
	}
	root, err := l.kept.At(size)
	if err != nil {
		return nil, err
	}
	return l.proveBy(head, root, records)
}

// witnessedHead returns a head of a tree with at least so many leaves, and the
// size of a witnessed checkpoint that covers it.
func (l *Ledger) witnessedHead(ctx context.Context, origin string, least int64) (store.Head, int64, error) {
	newest, err := l.Head(origin)
	if err != nil {
		return newest, 0, err
	}
	if least > newest.Size {
		return newest, 0, fmt.Errorf("%w: the newest head has %d", ErrNotYet, newest.Size)
	}
	size, _ := l.witnessed.now()
	head, err := l.headBefore(newest, size)
	if err != nil {
		return head, 0, err
	}
	if head.Size >= least && head.RootIndex >= 0 {
		return head, size, nil
	}
	size, err = l.awaitWitnessed(ctx, newest.RootIndex)
	return newest, size, err
}

// headBefore returns the newest head of a tree that the root log of a size has,
// if it is not far back; one of index -1 otherwise.
func (l *Ledger) headBefore(newest store.Head, size int64) (store.Head, error) {
	if newest.RootIndex < size {
		return newest, nil
	}
	for i := size - 1; i >= max(0, size-lookBack); i-- {
		b, err := l.store.ReadRootEntry(i)
		if err != nil {
			return newest, err
		}
		e, err := proof.ParseRootEntry(b)
		if err != nil {
			return newest, err
		}
		if e.Checkpoint.Origin == newest.Origin {
			return store.Head{Checkpoint: e.Checkpoint, RootIndex: i, Closed: e.Kind == proof.ClosedEntry}, nil
		}
	}
	return store.Head{RootIndex: -1}, nil
}

// awaitWitnessed waits for a witnessed checkpoint that covers an entry of the
// root log, and returns its size.
func (l *Ledger) awaitWitnessed(ctx context.Context, index int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, witnessWait)
	defer cancel()
	for {
		size, news := l.witnessed.now()
		if size > index {
			return size, nil
		}
		select {
		case l.wanted <- struct{}{}:
		default: // it is known
		}
		select {
		case <-news:
		case <-ctx.Done():
			return 0, fmt.Errorf("%w: of %d entries of the root log, they have cosigned %d", ErrNotWitnessed, index+1, max(0, size))
		}
	}
}
