package control

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/group"
)

// A plan is how a version is to run.
type plan struct {
	Version
	// withheld: its outputs go nowhere.
	withheld bool
	mark     string // of its code
}

func (p plan) equal(other plan) bool { return reflect.DeepEqual(p, other) }

// run runs a version as it is to.
func (c *Controller) run(ctx context.Context, k key, as plan) error {
	p, ok := c.Code(k.name, k.version)
	if !ok {
		return fmt.Errorf("%w: there is no code for %q", process.ErrInvalid, k.name)
	}
	from, err := begin(p.From, k, as.From)
	if err != nil {
		return err
	}
	p.From = from
	switch {
	case as.withheld:
		p.Withhold = &process.Withholding{}
	case as.Continues != 0:
		if p.Withhold, err = c.limits(ctx, p, as); err != nil {
			return err
		}
		p.From.NotAfter = p.Withhold.Until
	}
	return c.cfg.Runner.RunAdmitted(ctx, p, func(ctx context.Context) error { return c.admit(ctx, k, as) })
}

// begin is where a version begins that is declared to do so at a place; code is what the
// code says.
func begin(code process.Start, k key, from string) (process.Start, error) {
	switch from {
	case "":
		return code, nil
	case "start":
		return process.Start{}, nil
	case "latest":
		return process.Start{Latest: true}, nil
	}
	at, err := time.Parse(time.RFC3339, from)
	if err != nil {
		return process.Start{}, fmt.Errorf("%w: version %d of %q begins at %q: want a time such as 2026-01-31T12:00:00Z", process.ErrInvalid, k.version, k.name, from)
	}
	return process.Start{Time: at}, nil
}

// errNotWanted says that a version is not to run any more, or not so.
var errNotWanted = errors.New("the version is not declared to run so any more")

// admit tells whether a version is to run as it does, by all that is declared now. A node
// that was frozen may have missed that, and its memberships with it.
func (c *Controller) admit(ctx context.Context, k key, as plan) error {
	if err := c.cfg.Current(ctx); err != nil {
		return fmt.Errorf("whether version %d of %q is to run is not known: %w", k.version, k.name, err)
	}
	if now, ok := c.wanted()[k]; !ok || !now.equal(as) {
		return fmt.Errorf("%w: version %d of %q", errNotWanted, k.version, k.name)
	}
	return nil
}

// limits are from where on a version's outputs count. If they are not declared, they are
// where the version has stopped that it continues, which is waited for.
func (c *Controller) limits(ctx context.Context, p process.Processor, as plan) (*process.Withholding, error) {
	if as.At != nil {
		return &process.Withholding{Until: offsetsOf(as.At), Fired: cutsOf(as.Fired)}, nil
	}
	name := group.Name(p.Name, as.Continues)
	for {
		at, err := Stopped(ctx, c.cfg.Client, name)
		if err == nil {
			if len(at) == 0 {
				c.cfg.Logger.Warn("a version continues another one whose group has no positions: all its outputs count; if that group was deleted, declare where the other one had stopped, as at",
					"processor", p.Name, "version", p.Version, "continues", as.Continues, "group", name)
			}
			return c.undeclared(ctx, p, as, at)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("version %d of %q has not stopped: %w", as.Continues, p.Name, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// undeclared are limits where a version has stopped without anybody's declaring where.
func (c *Controller) undeclared(ctx context.Context, p process.Processor, as plan, at Offsets) (*process.Withholding, error) {
	code, _ := c.Code(p.Name, as.Continues)
	fired, err := FiredOf(ctx, c.cfg.Client, code)
	if err != nil {
		return nil, err
	}
	cuts := map[int32]process.Cut{}
	for task, f := range fired {
		if cuts[task] = f.Through; !f.Exact() {
			c.cfg.Logger.Warn("a version continues another one that has stopped amid timers that were due: some of them fire twice",
				"processor", p.Name, "version", p.Version, "continues", as.Continues, "task", task)
		}
	}
	return &process.Withholding{Until: at, Fired: cuts}, nil
}
