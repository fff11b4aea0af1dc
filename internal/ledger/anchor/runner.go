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
	// giveUpAfter is after how long nobody is asked for a receipt any more, and
	// enoughAfter likewise for one that is usable.
	giveUpAfter = 14 * 24 * time.Hour
	enoughAfter = 2 * 24 * time.Hour
	// stallAfter is how long, beside two intervals, it may take until a receipt is
	// complete: calendars wait for cheap blocks.
	stallAfter = 24 * time.Hour
	// againAfter is after how long what failed is tried again, doubled each time.
	againAfter = 10 * time.Second
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
	cfg      Config
	kind     string
	failures int       // of submissions and upgrades, one after another
	next     time.Time // not before this, after a failure
	stalled  bool
	began    time.Time
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
	return &Runner{cfg: cfg, kind: cfg.Anchor.Kind(), began: cfg.Now()}
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
	if !now.Before(r.next) {
		tried, fatal := r.advance(ctx, now)
		if fatal != nil || ctx.Err() != nil {
			return fatal
		}
		r.pace(now, tried)
	}
	r.watch(now)
	return nil
}

// advance goes on with pending receipts, and submits a checkpoint if one is due.
func (r *Runner) advance(ctx context.Context, now time.Time) (tried, fatal error) {
	var errs []error
	for _, p := range r.cfg.Store.unfinished(r.kind, now) {
		err, fatal := r.upgrade(ctx, p)
		if fatal != nil {
			return nil, fatal
		}
		errs = append(errs, err)
	}
	if r.due(now) {
		err, fatal := r.submit(ctx, now)
		if fatal != nil {
			return nil, fatal
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...), nil
}

// due tells whether a checkpoint should be submitted: an interval has passed.
// Clocks that were set back do not hold it up for longer than that.
func (r *Runner) due(now time.Time) bool {
	last, ok := r.cfg.Store.newest(r.kind, func(p place) bool { return p.state != Lost })
	return !ok || now.Sub(last.submitted).Abs() >= r.cfg.Interval
}

func (r *Runner) submit(ctx context.Context, now time.Time) (tried, fatal error) {
	c, err := r.cfg.Newest()
	if err != nil {
		return err, nil
	}
	last, ok := r.cfg.Store.newest(r.kind, func(p place) bool { return p.state != Lost })
	if c.Size == 0 || ok && last.size >= c.Size {
		return nil, nil // nothing new
	}
	receipt, err := r.cfg.Anchor.Submit(ctx, c.Note)
	if err != nil {
		return fmt.Errorf("submitting the checkpoint of size %d: %w", c.Size, err), nil
	}
	if err := r.cfg.Store.Put(r.kind, c.Checkpoint, now, receipt); err != nil {
		return nil, err
	}
	r.cfg.Metrics.submitted(r.kind)
	p, _ := r.cfg.Store.newest(r.kind, func(p place) bool { return p.size == c.Size })
	return r.upgrade(ctx, p) // at once, for it may only be prepared
}

// upgrade goes on with one receipt.
func (r *Runner) upgrade(ctx context.Context, p place) (tried, fatal error) {
	f, err := r.cfg.Store.read(p)
	if err != nil {
		return nil, err
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

// pace puts off what failed, later and later, up to the interval.
func (r *Runner) pace(now time.Time, tried error) {
	if tried == nil {
		r.failures, r.next = 0, time.Time{}
		return
	}
	wait := min(againAfter<<min(r.failures, 20), r.cfg.Interval)
	r.failures++
	r.next = now.Add(wait)
	r.cfg.Metrics.failed(r.kind)
	r.cfg.Logger.Warn("anchoring failed, and is tried again", "anchor", r.kind, "in", wait, "error", tried)
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
	stalled := now.Sub(since) > stallAfter+2*r.cfg.Interval && (r.failures > 0 || pending && waiting.size > last.size)
	if stalled && !r.stalled {
		r.cfg.Logger.Error("no checkpoint has been anchored for long", "anchor", r.kind, "newest", last.size, "since", since)
	} else if !stalled && r.stalled {
		r.cfg.Logger.Info("checkpoints are anchored again", "anchor", r.kind)
	}
	r.stalled = stalled
	r.cfg.Metrics.state(r.kind, last, len(r.cfg.Store.unfinished(r.kind, now)), stalled)
}
