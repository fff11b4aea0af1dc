package opentimestamps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"github.com/evidentlog/evident/internal/ledger/anchor"
	"github.com/evidentlog/evident/proof"
	"github.com/evidentlog/evident/proof/opentimestamps"
)

// Kind is the anchor's name in proof files.
const Kind = "opentimestamps"

// Config says which calendars are asked.
type Config struct {
	Calendars []string // URLs without a slash at their ends
	Client    *http.Client
	Logger    *slog.Logger
}

// An Anchor gives checkpoints to calendars.
type Anchor struct{ cfg Config }

var _ anchor.Anchor = (*Anchor)(nil)

// New returns an anchor. It asks nobody yet.
func New(cfg Config) *Anchor { return &Anchor{cfg} }

// Kind implements anchor.Anchor.
func (*Anchor) Kind() string { return Kind }

// Submit gives a checkpoint's digest to all calendars at once. One that takes it
// is enough.
func (a *Anchor) Submit(ctx context.Context, checkpoint string) (anchor.Receipt, error) {
	digest, err := proof.CheckpointDigest(checkpoint)
	if err != nil {
		return anchor.Receipt{}, err
	}
	trees := make([]opentimestamps.Tree, len(a.cfg.Calendars))
	errs := make([]error, len(a.cfg.Calendars))
	var all sync.WaitGroup
	for i, calendar := range a.cfg.Calendars {
		all.Go(func() { trees[i], errs[i] = a.submit(ctx, calendar, digest) })
	}
	all.Wait()
	f := opentimestamps.New(digest, nil)
	for i, calendar := range a.cfg.Calendars {
		if errs[i] != nil {
			errs[i] = fmt.Errorf("calendar %s: %w", calendar, errs[i])
			a.cfg.Logger.Warn("a calendar did not take the checkpoint", "error", errs[i])
			continue
		}
		f.Tree.Merge(trees[i])
	}
	if len(f.Tree) == 0 {
		return anchor.Receipt{}, fmt.Errorf("no calendar took the checkpoint: %w", errors.Join(errs...))
	}
	return anchor.Receipt{Data: f.Bytes()}, nil
}

// A promise is a calendar's, to tell more about a message.
type promise struct {
	message []byte
	*opentimestamps.Attestation
}

// Upgrade asks calendars for what they have promised. The receipt is usable with
// the first Bitcoin block, and final when no promise is left.
func (a *Anchor) Upgrade(ctx context.Context, checkpoint string, pending anchor.Receipt) (anchor.Receipt, error) {
	f, err := opentimestamps.Parse(pending.Data)
	if err != nil {
		return pending, fmt.Errorf("%w: %w", anchor.ErrLost, err)
	}
	promises, err := promisesOf(f)
	if err != nil {
		return pending, fmt.Errorf("%w: %w", anchor.ErrLost, err)
	}
	kept, errs := a.collect(ctx, promises)
	if len(kept) == 0 {
		return pending, errors.Join(errs...)
	}
	grown, err := graft(f, kept)
	if err != nil {
		return pending, err
	}
	better := anchor.Receipt{State: anchor.Usable, Data: grown}
	if len(kept) == len(promises) {
		better.State = anchor.Final
	}
	return better, a.Verify(checkpoint, better.Data)
}

func promisesOf(f *opentimestamps.File) (promises []promise, err error) {
	err = f.Tree.Walk(f.Digest, func(message []byte, at *opentimestamps.Attestation) error {
		if at.Kind == opentimestamps.Pending {
			promises = append(promises, promise{message, at})
		}
		return nil
	})
	return promises, err
}

// collect asks for all promises, and returns what was given for those that are
// kept. That a calendar is not so far yet is no error.
func (a *Anchor) collect(ctx context.Context, promises []promise) (kept map[*opentimestamps.Attestation]opentimestamps.Tree, errs []error) {
	kept = map[*opentimestamps.Attestation]opentimestamps.Tree{}
	for _, p := range promises {
		if !a.allowed(p.URI) {
			errs = append(errs, fmt.Errorf("calendar %s: it is none of those given any more", p.URI))
			continue
		}
		tree, err := a.complete(ctx, p.URI, p.message)
		switch {
		case err == nil:
			kept[p.Attestation] = tree
		case !errors.Is(err, errNotYet):
			errs = append(errs, fmt.Errorf("calendar %s: %w", p.URI, err))
		}
	}
	return kept, errs
}

// graft puts what was given in the place of the promises.
func graft(f *opentimestamps.File, kept map[*opentimestamps.Attestation]opentimestamps.Tree) ([]byte, error) {
	err := f.Tree.Graft(f.Digest, func(_ []byte, at *opentimestamps.Attestation) opentimestamps.Tree { return kept[at] })
	if err != nil {
		return nil, err
	}
	f.Tree = f.Tree.Prune(func(at *opentimestamps.Attestation) bool { return kept[at] == nil && at.Kind != opentimestamps.Unknown })
	grown := f.Bytes()
	_, err = opentimestamps.Parse(grown) // the whole may be deeper, or larger, than its parts
	return grown, err
}

// Verify implements anchor.Anchor.
func (a *Anchor) Verify(checkpoint string, receipt []byte) error {
	_, err := opentimestamps.Verifier{}.VerifyReceipt(checkpoint, receipt)
	if errors.Is(err, proof.ErrUnchecked) {
		return nil // all but the headers of blocks
	}
	return err
}
