package resource

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// driftEvery is how often what is outside is looked at.
const driftEvery = 30 * time.Second

// run looks at what is outside now and then, until the turn ends.
func (w *writer) run(ctx context.Context) error {
	tick := time.NewTicker(driftEvery)
	defer tick.Stop()
	if err := w.remake(ctx); err != nil {
		return err
	}
	for {
		if err := w.look(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-w.lost:
			return err
		case <-tick.C:
		}
	}
}

// look compares what is outside with what is declared. What could not be made so,
// or was declared before this turn and is not there, is made now.
func (w *writer) look(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-w.turn:
	}
	defer func() { w.turn <- struct{}{} }()
	for _, name := range w.service.cfg.Kinds.Names() {
		kind, _ := w.service.cfg.Kinds.Kind(name)
		if kind.Reconciler == nil {
			continue
		}
		declared := w.service.State().Of(name)
		drift, err := kind.Reconciler.Drift(ctx, declared)
		if err != nil {
			w.service.cfg.Logger.Warn("what is outside cannot be compared with what is declared, and is looked at again", "kind", name, "error", err)
			continue
		}
		w.settle(ctx, declared, drift)
	}
	w.noteMade(ctx)
	return nil
}

// relook compares what is outside with resources that a request declares as they are.
func (w *writer) relook(ctx context.Context, changes []Change) error {
	same := map[string][]*Resource{}
	for _, c := range changes {
		if c.Action == Unchanged {
			same[c.Key.Kind] = append(same[c.Key.Kind], c.After)
		}
	}
	drift := map[Key][]Difference{}
	for kind, all := range same {
		r := w.reconciler(Key{Kind: kind})
		if r == nil {
			continue
		}
		d, err := r.Drift(ctx, all)
		if err != nil {
			return fmt.Errorf("nothing was done: what is there cannot be compared with what is declared: %w", err)
		}
		maps.Copy(drift, d)
		for _, res := range all {
			w.status.set(res.Key(), Status{Ready: len(d[res.Key()]) == 0, Drift: d[res.Key()], Checked: w.service.cfg.Now()})
		}
	}
	for i := range changes {
		changes[i].Drift = drift[changes[i].Key]
	}
	return nil
}

// settle notes how what is outside differs from resources, and makes again what
// failed before, or is missing and was never seen.
func (w *writer) settle(ctx context.Context, declared []*Resource, drift map[Key][]Difference) {
	var again []Change
	for _, r := range declared {
		key := r.Key()
		d := drift[key]
		before, known := w.status.get(key)
		missing := len(d) == 1 && d[0].Pointer == "" && d[0].After == nil
		if len(d) > 0 && (missing && !known || before.Error != "") {
			again = append(again, Change{Action: Update, Key: key, After: r})
			continue
		}
		if len(d) > 0 && len(before.Drift) == 0 {
			w.service.cfg.Logger.Warn("what is there differs from what is declared", "resource", key, "place", d[0].Pointer,
				"declared", string(d[0].Before), "there", string(d[0].After))
		}
		w.status.set(key, Status{Ready: len(d) == 0, Drift: d, Checked: w.service.cfg.Now()})
	}
	w.make(ctx, again, Allowed{})
}

// make makes what is outside like what was declared, and returns what failed.
func (w *writer) make(ctx context.Context, changes []Change, allowed Allowed) []Failure {
	var failed []Failure
	for run := range runs(w.wantedBack(changes)) {
		r := w.reconciler(run[0].Key)
		if r == nil {
			continue
		}
		wrong := r.Make(ctx, run, allowed)
		for i := range run {
			if err := w.made(&run[i], wrong[run[i].Key]); err != nil {
				failed = append(failed, Failure{run[i].Key, err.Error()})
			}
		}
	}
	return failed
}

// wantedBack are changes, with those that change nothing of what is declared as
// updates if what is outside differs: to declare it once more is to want it back.
func (w *writer) wantedBack(changes []Change) []Change {
	all := slices.Clone(changes)
	for i := range all {
		if s, known := w.status.get(all[i].Key); all[i].Action == Unchanged && (!known || !s.Ready) {
			all[i].Action, all[i].Before = Update, nil
		}
	}
	return all
}

// made notes what became of a change.
func (w *writer) made(c *Change, err error) error {
	switch {
	case err != nil:
		w.service.cfg.Logger.Warn("what is declared could not be made so, and is tried again", "resource", c.Key, "error", err)
		w.status.set(c.Key, Status{Error: err.Error(), Checked: w.service.cfg.Now()})
	case c.After == nil:
		w.status.forget(c.Key)
	default:
		w.status.set(c.Key, Status{Ready: true, Checked: w.service.cfg.Now()})
	}
	return err
}
