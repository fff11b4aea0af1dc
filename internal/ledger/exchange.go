package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/evidentlog/evident/internal/bucket"
	"github.com/evidentlog/evident/internal/ledger/shared"
	"github.com/evidentlog/evident/internal/ledger/store"
)

const (
	// roundBytes of leaves are enough for a round of a shared ledger: what is more
	// waits for the next.
	roundBytes = 32 << 20
	// attempts is how often in a row a node proposes before it does other things.
	attempts = 20
)

// shareRound writes what was added since the last round into the bucket, and
// learns what other nodes have written.
func (l *Ledger) shareRound(ctx context.Context) error {
	l.begin()
	err := l.exchange(ctx)
	for more := true; more && err == nil && l.sharing.proposal == nil; {
		if more = l.propose(); l.sharing.proposal != nil {
			err = l.exchange(ctx)
		}
	}
	if err == nil {
		err = l.keepInBucket(ctx)
	}
	return l.tolerate(err)
}

// exchange reads the rounds of others and writes the proposal, if there is one,
// until it is in, or overtaken whole.
func (l *Ledger) exchange(ctx context.Context) error {
	s := l.sharing
	var lost error // why the newest write is not in
	for range attempts {
		if err := l.catchUp(ctx); err != nil || s.proposal == nil {
			return err
		}
		lost = s.journal.Propose(ctx, s.proposal.round)
		switch {
		case lost == nil:
			s.round = s.proposal.round // what catchUp goes on with
		case !errors.Is(lost, bucket.ErrTaken) && !errors.Is(lost, bucket.ErrConflict):
			return fromBucket(lost)
		}
	}
	if err := l.catchUp(ctx); err != nil || !errors.Is(lost, bucket.ErrConflict) {
		return err
	}
	return fromBucket(lost) // the store takes none of the writes
}

// catchUp applies all rounds that are in the bucket, and signs what they lead to.
func (l *Ledger) catchUp(ctx context.Context) error {
	s := l.sharing
	err := l.applyAll(ctx)
	if s.changed && (err == nil || errors.Is(err, ErrUnreachable)) {
		s.changed = false
		err = errors.Join(err, l.sign())
	}
	return err
}

func (l *Ledger) applyAll(ctx context.Context) (err error) {
	s := l.sharing
	for {
		if s.round == nil {
			if s.round, err = s.journal.Next(ctx); err != nil || s.round == nil {
				return fromBucket(err)
			}
		}
		if err := l.eraseInBucket(ctx, s.round); err != nil {
			return err
		}
		p := s.proposal
		if p == nil || p.round.ID != s.round.ID {
			if err := l.adopt(ctx); err != nil {
				return err
			}
			continue
		}
		if err := l.applyOwn(p); err != nil {
			return err
		}
		s.round, s.proposal, s.changed = nil, nil, true
		if s.journal.Read() {
			return nil // what others wrote since is for the next time
		}
	}
}

// propose takes what partitions have, and makes a proposal of it if it is
// anything. more tells that there is more than fits.
func (l *Ledger) propose() (more bool) {
	var shares []*share
	bytes := 0
	grown := l.takeGrown()
	for len(grown) > 0 && bytes < roundBytes {
		if s := l.collect(grown[0]); s != nil {
			shares = append(shares, s)
			bytes += len(s.growth.Entries) + len(s.growth.Salts)
		}
		grown = grown[1:]
	}
	l.mu.Lock()
	for _, p := range grown {
		l.mu.grown[p] = true
	}
	l.mu.Unlock()
	l.proposeShares(shares)
	return len(grown) > 0
}

// proposeShares makes shares the proposal, to follow the root log as it is.
func (l *Ledger) proposeShares(shares []*share) {
	if len(shares) == 0 {
		l.sharing.proposal = nil
		return
	}
	r := l.newRound()
	now := l.now()
	for _, s := range shares {
		if g := s.growth; len(g.Salts) > 0 {
			r.Leaves = append(r.Leaves, shared.Leaves{Origin: s.p.origin, First: g.First, Entries: g.Entries, Salts: g.Salts})
		}
		r.Roots = append(r.Roots, l.rootEntry(now, s.head, s.closing))
	}
	l.signShared(r)
	l.sharing.proposal = &proposal{round: r, shares: shares}
}

func (l *Ledger) newRound() *shared.Round {
	now := l.rootHead()
	return &shared.Round{ID: shared.NewID(), Size: now.Size, Root: now.Root}
}

// applyOwn puts this node's own round into its files.
func (l *Ledger) applyOwn(p *proposal) error {
	if p.shares == nil {
		return l.store.Erase(p.round.Roots)
	}
	r := store.Round{Roots: p.round.Roots}
	for _, s := range p.shares {
		delete(l.sharing.trees, s.p.id) // it has grown without it
		if err := l.place(&r, s); err != nil {
			return err
		}
	}
	if err := l.store.Commit(r); err != nil {
		return err
	}
	for _, s := range p.shares {
		l.finish(s)
	}
	return nil
}

// rebase makes the proposal follow a round of another node: without the shares
// of partitions that were overtaken, whose leaves others have made. An erasure is
// dropped: its heads may be old now.
func (l *Ledger) rebase(overtaken map[*Partition]bool) {
	p := l.sharing.proposal
	if p == nil {
		return
	}
	l.proposeShares(slices.DeleteFunc(p.shares, func(s *share) bool { return overtaken[s.p] }))
}

// errContended says that other nodes were always faster.
var errContended = fmt.Errorf("%w: other nodes write so much that this one does not come in", ErrUnreachable)

// eraseShared is erase in a ledger that other nodes write too.
func (l *Ledger) eraseShared(ctx context.Context, r *eraseRequest) error {
	var entries []Erased
	var refused error // what is wrong with the request
	first, err := l.shareErasure(ctx, func() (roots [][]byte, err error) {
		entries, roots, refused = l.planErasure(r)
		return roots, refused
	})
	if err != nil {
		r.answer <- erasedAnswer{err: l.unerased(err)}
		if refused != nil {
			return nil
		}
		return l.tolerate(err)
	}
	for i := range entries {
		entries[i].RootIndex = first + int64(i)
	}
	r.answer <- erasedAnswer{entries: entries}
	return nil
}

// unerased tells who asks for an erasure what has become of it.
func (l *Ledger) unerased(err error) error {
	switch p := l.sharing.proposal; {
	case p != nil && p.shares == nil:
		return fmt.Errorf("%w: %w", ErrMayCome, err)
	case errors.Is(err, ErrUnreachable):
		return fmt.Errorf("nothing is erased: %w", err)
	}
	return err
}

// shareErasure makes erasures durable in all nodes' ledger, and returns the index
// of the first in the root log. plan makes the entries, which must have the newest
// heads.
func (l *Ledger) shareErasure(ctx context.Context, plan func() (roots [][]byte, err error)) (first int64, err error) {
	s := l.sharing
	for range attempts {
		if err := l.exchange(ctx); err != nil {
			return 0, err
		}
		if s.proposal != nil {
			break
		}
		r := l.newRound()
		if r.Roots, err = plan(); err != nil {
			return 0, err
		}
		l.signShared(r)
		s.proposal = &proposal{round: r}
		if err := l.exchange(ctx); err != nil {
			return 0, err
		}
		if l.has(r) {
			return r.Size, nil
		}
	}
	return 0, errContended
}

// has tells whether the root log has the entries of a round where it wanted them.
func (l *Ledger) has(r *shared.Round) bool {
	for i, want := range r.Roots {
		got, err := l.store.ReadRootEntry(r.Size + int64(i))
		if err != nil || string(got) != string(want) {
			return false
		}
	}
	return true
}
