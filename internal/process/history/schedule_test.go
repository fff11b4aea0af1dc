package history

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/evidentlog/evident/evidenttest"
)

var (
	schedules = flag.Int("history.seeds", 8, "how many random schedules")
	stateful  = flag.Bool("history.state", true, "also processors with state and timers")
	firstSeed = flag.Uint64("history.seed", 1, "seed of the first one")
)

// enough is how many schedules together must have had everything that can happen.
const enough = 8

// However nodes and runtimes are killed, held up, cut off and put out of their group,
// what topics hold in the end is what one worker that is never disturbed could have
// written. A seed that fails can be run again: go test -run Schedules -history.seed N
// -history.seeds 1. Its faults are then the same, though not to the microsecond.
func TestEachRecordHasItsEffectOnceWhateverTheSchedule(t *testing.T) {
	all := tally{}
	for i := range *schedules {
		seed := *firstSeed + uint64(i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
				a := newArena(t, n, seed)
				a.play()
				all.add(a.tally)
			}, evidenttest.WithSeed(seed), evidenttest.WithoutLedger())
		})
	}
	t.Logf("%d schedules: %s", *schedules, all)
	if missing := all.missing(); *schedules >= enough && *stateful && len(missing) > 0 && !t.Failed() {
		t.Errorf("%d schedules show little: not one of %q", *schedules, missing)
	}
}

// play lets records come and things go wrong, and then wants all to be right.
func (a *arena) play() {
	ctx, cancel := context.WithTimeout(a.Context(), time.Hour) // of the bubble's time
	defer cancel()
	loading, stop := context.WithCancel(ctx)
	defer stop()
	loaded := make(chan error, 1)
	go func() { loaded <- a.load(loading) }()
	for dealt, all := 0, len(allFaults)+a.rng.IntN(len(allFaults)); dealt < all; {
		time.Sleep(time.Duration(a.rng.IntN(400)) * time.Millisecond)
		if a.disturb() {
			dealt++
		}
	}
	stop()
	if err := <-loaded; err != nil {
		a.Fatal(err)
	}
	a.settle(ctx)
	for _, h := range a.hosts {
		h.stop()
	}
}

// since is how long the schedule has gone on.
func (a *arena) since() time.Duration { return time.Since(a.began) }

// settle lets everything run until nothing changes any more, and checks it.
func (a *arena) settle(ctx context.Context) {
	for _, h := range a.hosts {
		if h.line == nil {
			h.start()
		}
	}
	var found []Violation
	var h History
	for range 60 {
		time.Sleep(2 * time.Second)
		var err error
		if h, err = Read(ctx, a.node.Client().Opts(), a.topics); err != nil {
			a.Fatal(err)
		}
		h.Stateless = a.stateless
		if found = Check(h); len(found) == 0 {
			a.count(h)
			return
		}
		if slices.ContainsFunc(found, lasting) {
			break
		}
	}
	for _, n := range h.Notes {
		a.Logf("%v: %s: %s handled %s: %s to %s", time.UnixMilli(n.Wall).Sub(a.began), n.At, n.By, n.subject(), n.Before, n.After)
	}
	for _, v := range found[:min(len(found), 20)] {
		a.Error(v)
	}
	a.Errorf("%d violations with seed %d, after %s", len(found), a.seed, a.tally)
}

// count notes what the schedule had.
func (a *arena) count(h History) {
	a.tally.of(h)
	for _, i := range a.injected {
		a.tally[lost] += i.Hits()
	}
}

// lasting tells whether a violation cannot be of what has only not come yet.
func lasting(v Violation) bool {
	return slices.Contains([]Kind{Twice, Order, Stale, Wrong}, v.Kind)
}
