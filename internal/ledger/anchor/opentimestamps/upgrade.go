package opentimestamps

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/evidentlog/evident/internal/ledger/anchor"
	"github.com/evidentlog/evident/proof/opentimestamps"
)

// A promise is a calendar's, to tell more about a message.
type promise struct {
	message []byte
	uri     string
}

// A reply is what a calendar has said to a promise of its own.
type reply struct {
	tree opentimestamps.Tree // nil if err is not
	err  error               // errNotYet, errResting or what is wrong
}

// errResting says that a calendar has failed, and is left alone for some time.
var errResting = errors.New("left alone after it has failed")

// Upgrade asks the calendars for what they have promised, side by side. The
// receipt is usable when one of them has named a Bitcoin block, and final when no
// promise is left: without the block's header nobody can tell whether what the
// first one said is true, so the others are asked all the same. The error tells
// what is wrong if no calendar has answered.
func (a *Anchor) Upgrade(ctx context.Context, checkpoint string, pending anchor.Receipt) (anchor.Receipt, error) {
	f, err := opentimestamps.Parse(pending.Data)
	if err != nil {
		return pending, fmt.Errorf("%w: %w", anchor.ErrLost, err)
	}
	promises, err := promisesOf(f)
	if err != nil {
		return pending, fmt.Errorf("%w: %w", anchor.ErrLost, err)
	}
	better, err := a.take(pending, promises, a.collect(ctx, promises))
	if err != nil || bytes.Equal(better.Data, pending.Data) {
		return pending, err
	}
	if height, yes := contradicted(better.Data); yes {
		a.cfg.Logger.Error("calendars contradict one another about a Bitcoin block, so that one of them lies: compare its header", "height", height, "receipt", fmt.Sprintf("%x", f.Digest))
	}
	return better, a.Verify(checkpoint, better.Data)
}

// promisesOf returns what a receipt promises.
func promisesOf(f *opentimestamps.File) (promises []promise, err error) {
	err = f.Tree.Walk(f.Digest, func(message []byte, at *opentimestamps.Attestation) error {
		if at.Kind == opentimestamps.Pending {
			promises = append(promises, promise{message, at.URI})
		}
		return nil
	})
	return promises, err
}

// contradicted returns the height of a block that a receipt gives two roots: one
// of the calendars lies, and headers tell which.
func contradicted(receipt []byte) (height int64, yes bool) {
	f, err := opentimestamps.Parse(receipt)
	if err != nil {
		return 0, false
	}
	roots := map[int64][]byte{}
	_ = f.Tree.Walk(f.Digest, func(message []byte, at *opentimestamps.Attestation) error {
		if at.Kind != opentimestamps.Bitcoin {
			return nil
		}
		if root, known := roots[at.Height]; known && !bytes.Equal(root, message) {
			height, yes = at.Height, true
		}
		roots[at.Height] = message
		return nil
	})
	return height, yes
}

// maxAsked is how many promises of one receipt are asked for at once. There is
// one for each calendar.
const maxAsked = 32

// collect asks for promises, and notes which calendars fail.
func (a *Anchor) collect(ctx context.Context, promises []promise) []reply {
	replies := make([]reply, min(len(promises), maxAsked))
	now := a.cfg.Now()
	var all sync.WaitGroup
	for i := range replies {
		p := promises[i]
		switch rest := a.resting[p.uri]; {
		case !a.allowed(p.uri):
			replies[i].err = errors.New("it is none of those given any more")
		case rest != nil && !rest.Ready(now):
			replies[i].err = errResting
		default:
			all.Go(func() { replies[i].tree, replies[i].err = a.complete(ctx, p.uri, p.message) })
		}
	}
	all.Wait()
	for i, r := range replies {
		a.note(promises[i].uri, r.err)
	}
	return replies
}

// note remembers how a calendar did.
func (a *Anchor) note(uri string, err error) {
	switch {
	case errors.Is(err, errResting), !a.allowed(uri):
	case err == nil, errors.Is(err, errNotYet):
		delete(a.resting, uri)
	default:
		if a.resting[uri] == nil {
			a.resting[uri] = &anchor.Patience{}
		}
		a.resting[uri].Failed(a.cfg.Now(), anchor.DefaultInterval)
	}
}

// take puts what calendars have given in the place of their promises, one at a
// time: what does not fit takes nothing away from the others.
func (a *Anchor) take(pending anchor.Receipt, promises []promise, replies []reply) (anchor.Receipt, error) {
	better := pending
	var errs []error
	answered := false
	for i, r := range replies {
		if r.err == nil {
			better, r.err = graft(better, promises[i], r.tree)
		}
		switch {
		case r.err == nil, errors.Is(r.err, errNotYet):
			answered = true
		case !errors.Is(r.err, errResting):
			errs = append(errs, fmt.Errorf("calendar %s: %w", promises[i].uri, r.err))
		}
	}
	if !answered {
		return better, errors.Join(errs...)
	}
	for _, err := range errs {
		a.cfg.Logger.Warn("a calendar gave nothing for a checkpoint", "error", err)
	}
	return better, nil
}

// graft puts what a calendar has given in the place of its promise.
func graft(r anchor.Receipt, kept promise, tree opentimestamps.Tree) (anchor.Receipt, error) {
	f, err := opentimestamps.Parse(r.Data)
	if err != nil {
		return r, err
	}
	done := map[*opentimestamps.Attestation]bool{}
	err = f.Tree.Graft(f.Digest, func(message []byte, at *opentimestamps.Attestation) opentimestamps.Tree {
		if at.Kind != opentimestamps.Pending || at.URI != kept.uri || !bytes.Equal(message, kept.message) {
			return nil
		}
		done[at] = true
		return tree
	})
	if err != nil {
		return r, err
	}
	f.Tree = f.Tree.Prune(func(at *opentimestamps.Attestation) bool { return !done[at] && at.Kind != opentimestamps.Unknown })
	grown, err := opentimestamps.Parse(f.Bytes()) // the whole may be deeper, or larger, than its parts
	if err != nil {
		return r, err
	}
	promises, err := promisesOf(grown)
	if err != nil {
		return r, err
	}
	better := anchor.Receipt{State: anchor.Usable, Data: f.Bytes()}
	if len(promises) == 0 {
		better.State = anchor.Final
	}
	return better, nil
}
