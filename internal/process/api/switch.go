package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/internal/process/control"
	"github.com/evidentlog/evident/internal/process/group"
)

const (
	// halting is how long a version may take to stop on all nodes.
	halting = 30 * time.Second
	// glance is how often it is looked whether it has.
	glance = 100 * time.Millisecond
)

// change lets the outputs of another version count, and stops the active one: from where
// this has stopped in each partition, so that none is missing and none is there twice.
// For that the new version waits until the old one is as far. If the node fails in the
// middle, both stay paused, and go on when they are resumed.
func (a *API) change(w http.ResponseWriter, r *http.Request, name string, o Order) {
	from, to, err := a.switching(name, o)
	if err != nil {
		problem.Write(w, http.StatusConflict, err)
		return
	}
	if !a.Declare(w, r, name, pausing(true, to)) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), halting)
	defer cancel()
	if err := a.passes(ctx, name, from, to); err != nil {
		if !a.Declare(w, ending(r), name, pausing(false, to)) {
			return
		}
		problem.Write(w, http.StatusConflict, fmt.Errorf("%w: %w", errOrder, err))
		return
	}
	r = ending(r) // from here on nothing writes until it is done
	if !a.Declare(w, r, name, pausing(true, from)) {
		return
	}
	at, fired, err := a.handover(r.Context(), name, from, to)
	if err != nil {
		if a.Declare(w, r, name, func(s *control.Spec) error { return errors.Join(pausing(false, from)(s), pausing(false, to)(s)) }) {
			problem.Write(w, http.StatusServiceUnavailable, fmt.Errorf("%w: %w", errOrder, err))
		}
		return
	}
	if a.Declare(w, r, name, switched(from, to, at, fired)) {
		a.answer(w, r, name)
	}
}

// switched lets the outputs of a version count from where another one has stopped, which
// does not run any more. The positions are declared: whoever deletes what the other one has
// left changes nothing.
func switched(from, to int, at control.Offsets, fired control.Fired) func(*control.Spec) error {
	return func(s *control.Spec) error {
		v, err := find(s, to)
		if err != nil {
			return err
		}
		v.Paused, v.Continues, v.At, v.Fired = false, from, at.Declared(), fired.Declared()
		s.Versions = slices.DeleteFunc(s.Versions, func(v control.Version) bool { return v.Version == from })
		s.Active = to
		return nil
	}
}

// switching is which version is to follow which.
func (a *API) switching(name string, o Order) (from, to int, err error) {
	s := a.Control.Spec(name)
	to = o.Version
	for _, v := range s.Versions {
		if o.Version == 0 && v.Version != s.Active {
			to = max(to, v.Version)
		}
	}
	switch active, err := find(&s, s.Active); {
	case to == 0:
		return 0, 0, fmt.Errorf("%w: only version %d runs: begin another one beside it with replay", errOrder, s.Active)
	case to == s.Active:
		return 0, 0, fmt.Errorf("%w: version %d is the active one already", errOrder, to)
	case err != nil:
		return 0, 0, err
	case s.Paused || active.Paused:
		return 0, 0, fmt.Errorf("%w: version %d is paused, and may be behind version %d: resume it", errOrder, s.Active, to)
	}
	_, err = find(&s, to)
	return s.Active, to, err
}

// passes waits until a version has stopped, and another one is as far.
func (a *API) passes(ctx context.Context, name string, from, to int) error {
	reached, err := a.halted(ctx, name, to)
	if err != nil {
		return err
	}
	var last error // why not yet
	for {
		at, err := control.Positions(ctx, a.Client, group.Name(name, from))
		switch topic, p, behind := at.Behind(reached); {
		case err != nil && ctx.Err() == nil:
			last = err
		case err != nil: // it has no more to say than that time is up
		case !behind:
			return nil
		default:
			last = fmt.Errorf("version %d is at offset %d of partition %d of %q, and version %d at %d", from, at[topic][p], p, topic, to, reached[topic][p])
		}
		if !pause(ctx) {
			return fmt.Errorf("version %d has not come as far as version %d in %v: %w", from, to, halting, cmp.Or(last, ctx.Err()))
		}
	}
}

// handover waits until a version has stopped, and tells where another one goes on, which has
// stopped before: at its positions, and between two timers of each task.
func (a *API) handover(ctx context.Context, name string, from, to int) (at control.Offsets, fired control.Fired, err error) {
	if at, err = a.stopped(ctx, name, from); err != nil {
		return nil, nil, err
	}
	stops, _ := a.Control.Code(name, from)
	follows, _ := a.Control.Code(name, to)
	if fired, err = control.FiredOf(ctx, a.Client, stops); err != nil {
		return nil, nil, err
	}
	already, err := control.FiredOf(ctx, a.Client, follows)
	if err == nil {
		err = already.Follows(fired)
	}
	return at, fired, err
}

// stopped waits until nobody runs a version, for so long, and gives its positions.
func (a *API) stopped(ctx context.Context, name string, version int) (control.Offsets, error) {
	ctx, cancel := context.WithTimeout(ctx, halting)
	defer cancel()
	return a.halted(ctx, name, version)
}

// halted waits until nobody runs a version, and gives its positions.
func (a *API) halted(ctx context.Context, name string, version int) (control.Offsets, error) {
	for {
		at, err := control.Stopped(ctx, a.Client, group.Name(name, version))
		if err == nil {
			return at, nil
		}
		if !pause(ctx) {
			return nil, fmt.Errorf("version %d has not stopped after %v: %w", version, halting, errors.Join(err, ctx.Err()))
		}
	}
}

// pause waits a little; false if ctx has ended.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(glance):
		return true
	}
}
