package opentimestamps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

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
	Now       func() time.Time // time.Now if nil
}

// An Anchor gives checkpoints to calendars.
type Anchor struct {
	cfg     Config
	resting map[string]*anchor.Patience // by the URI of a calendar that has failed
}

var _ anchor.Anchor = (*Anchor)(nil)

// New returns an anchor. It asks nobody yet.
func New(cfg Config) *Anchor {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Anchor{cfg, map[string]*anchor.Patience{}}
}

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

// Verify implements anchor.Anchor.
func (a *Anchor) Verify(checkpoint string, receipt []byte) error {
	_, err := opentimestamps.Verifier{}.VerifyReceipt(checkpoint, receipt)
	if errors.Is(err, proof.ErrUnchecked) {
		return nil // all but the headers of blocks
	}
	return err
}
