package anchor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/evidentlog/evident/proof"
)

// Paces of a [Runner].
const (
	// DefaultInterval is the time between checkpoints that are submitted.
	DefaultInterval = time.Hour
	// DefaultPoll is the time between attempts to go on with what is pending.
	DefaultPoll = time.Minute
	// giveUpAfter is after how long nobody is asked for a receipt any more.
	giveUpAfter = 14 * 24 * time.Hour
	// stepTime bounds what is done for receipts in one step, and submitTime what is
	// done to submit a checkpoint behind it.
	stepTime   = time.Minute
	submitTime = time.Minute
	// stallAfter is how long, beside two intervals, it may take until a receipt is
	// complete: calendars wait for cheap blocks.
	stallAfter = 24 * time.Hour
)

// A Checkpoint is one of the root log that is kept for ever.
type Checkpoint struct {
	proof.Checkpoint
	Note string // signed
}

// Config says what a [Runner] works with.
type Config struct {
	Anchor Anchor
	Store  *Store
	// Newest returns the newest checkpoint of the root log, kept from now on.
	Newest func() (Checkpoint, error)
	// Kept returns a checkpoint that Newest has returned, by its size.
	Kept func(size int64) (Checkpoint, error)
	// Interval is the time between submissions; DefaultInterval if 0.
	Interval time.Duration
	// Poll is the time between attempts to go on with what is pending, at most
	// Interval; DefaultPoll if 0.
	Poll    time.Duration
	Logger  *slog.Logger
	Metrics *Metrics         // nil for none
	Now     func() time.Time // time.Now if nil
}

// A Runner anchors checkpoints in one place.
type Runner struct {
	cfg        Config
	kind       string
	submitting Patience
	turns      map[int64]*turn // of receipts that are not final, by their sizes
	stalled    bool
	began      time.Time
}

// NewRunner returns a runner that has done nothing yet.
func NewRunner(cfg Config) *Runner {
	if cfg.Interval == 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Poll == 0 {
		cfg.Poll = DefaultPoll
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Runner{cfg: cfg, kind: cfg.Anchor.Kind(), turns: map[int64]*turn{}, began: cfg.Now()}
}

// Run submits checkpoints, and goes on with receipts, until ctx ends. It returns
// only then, or with the error of a store that has stopped.
func (r *Runner) Run(ctx context.Context) error {
	tick := time.NewTicker(min(r.cfg.Poll, r.cfg.Interval))
	defer tick.Stop()
	for {
		if err := r.step(ctx); err != nil {
			return fmt.Errorf("anchor %s: %w", r.kind, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// step does what is due. Its errors are the store's; all others are tried again.
func (r *Runner) step(ctx context.Context) error {
	now := r.cfg.Now()
	failed, fatal := r.goOn(ctx, now)
	if fatal != nil || ctx.Err() != nil {
		return fatal
	}
	if r.submitting.Ready(now) && r.due(now) {
		timely, cancel := context.WithTimeout(ctx, submitTime)
		defer cancel()
		err, fatal := r.submit(timely, now)
		if fatal != nil || ctx.Err() != nil {
			return fatal
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	r.tell(failed)
	r.watch(now)
	return nil
}

// due tells whether a checkpoint should be submitted: an interval has passed.
// Clocks that were set back do not hold it up for longer than that.
func (r *Runner) due(now time.Time) bool {
	last, ok := r.cfg.Store.newest(r.kind, func(p place) bool { return p.state != Lost })
	return !ok || now.Sub(last.submitted).Abs() >= r.cfg.Interval
}

// submit puts the newest checkpoint there, and goes on with its receipt at once,
// for it may only be prepared.
func (r *Runner) submit(ctx context.Context, now time.Time) (tried, fatal error) {
	p, err, fatal := r.put(ctx, now)
	switch {
	case fatal != nil:
		return nil, fatal
	case err != nil:
		r.submitting.Failed(now, r.cfg.Interval)
		return err, nil
	}
	r.submitting.Succeeded()
	if p == nil {
		return nil, nil
	}
	return r.attempt(ctx, now, *p)
}

// put submits the newest checkpoint and keeps what becomes of it; nil if there is
// nothing new.
func (r *Runner) put(ctx context.Context, now time.Time) (p *place, tried, fatal error) {
	c, err := r.cfg.Newest()
	if err != nil {
		return nil, err, nil
	}
	last, ok := r.cfg.Store.newest(r.kind, func(p place) bool { return p.state != Lost })
	if c.Size == 0 || ok && last.size >= c.Size {
		return nil, nil, nil
	}
	receipt, err := r.cfg.Anchor.Submit(ctx, c.Note)
	if err != nil {
		return nil, fmt.Errorf("submitting the checkpoint of size %d: %w", c.Size, err), nil
	}
	if err := r.cfg.Store.Put(r.kind, c.Checkpoint, now, receipt); err != nil {
		return nil, nil, err
	}
	r.cfg.Metrics.submitted(r.kind)
	kept, _ := r.cfg.Store.newest(r.kind, func(p place) bool { return p.size == c.Size })
	return &kept, nil, nil
}

// upgrade goes on with one receipt.
func (r *Runner) upgrade(ctx context.Context, p place) (tried, fatal error) {
	f, err := r.cfg.Store.read(p)
	if err != nil {
		return fmt.Errorf("the receipt for size %d: %w", p.size, err), nil // the others are as good as before
	}
	c, err := r.cfg.Kept(p.size)
	if err == nil && c.Root != p.root {
		err = fmt.Errorf("the checkpoint of size %d is not the one that was submitted", p.size)
	}
	if err != nil {
		return err, nil
	}
	better, err := r.cfg.Anchor.Upgrade(ctx, c.Note, f.Receipt)
	switch {
	case errors.Is(err, ErrLost):
		r.cfg.Logger.Warn("a checkpoint will have no receipt", "anchor", r.kind, "size", p.size, "error", err)
		better.State = Lost
	case err != nil && f.State == Usable:
		return nil, nil // it is good as it is
	case err != nil:
		return fmt.Errorf("the receipt for size %d: %w", p.size, err), nil
	case better.State == f.State && string(better.Data) == string(f.Data):
		return nil, nil
	case better.State != Pending:
		if err := r.cfg.Anchor.Verify(c.Note, better.Data); err != nil {
			return fmt.Errorf("the receipt for size %d: %w", p.size, err), nil
		}
		r.cfg.Logger.Info("a checkpoint is anchored", "anchor", r.kind, "size", p.size)
	}
	return nil, r.cfg.Store.Put(r.kind, c.Checkpoint, p.submitted, better)
}

// tell counts and logs what failed in a step.
func (r *Runner) tell(failed []error) {
	for range failed {
		r.cfg.Metrics.failed(r.kind)
	}
	if len(failed) > 0 {
		r.cfg.Logger.Warn("anchoring failed, and is tried again", "anchor", r.kind, "error", failed[0], "others", len(failed)-1)
	}
}

// watch raises an alarm when receipts have not become complete for long, and
// tells when they do again.
func (r *Runner) watch(now time.Time) {
	last, ok := r.cfg.Store.newest(r.kind, func(p place) bool { return p.complete() })
	since := r.began
	if ok && last.submitted.After(since) {
		since = last.submitted
	}
	waiting, pending := r.cfg.Store.newest(r.kind, func(p place) bool { return p.state == Pending })
	stalled := now.Sub(since) > stallAfter+2*r.cfg.Interval && (r.submitting.failures > 0 || pending && waiting.size > last.size)
	if stalled && !r.stalled {
		r.cfg.Logger.Error("no checkpoint has been anchored for long", "anchor", r.kind, "newest", last.size, "since", since)
	} else if !stalled && r.stalled {
		r.cfg.Logger.Info("checkpoints are anchored again", "anchor", r.kind)
	}
	r.stalled = stalled
	r.cfg.Metrics.state(r.kind, last, len(r.cfg.Store.unfinished(r.kind, now)), stalled)
}
