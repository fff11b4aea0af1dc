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
	stateful  = flag.Bool("history.state", false, "also processors with state and timers")
	firstSeed = flag.Uint64("history.seed", 1, "seed of the first one")
)

// However nodes and runtimes are killed, held up, cut off and put out of their group,
// what topics hold in the end is what one worker that is never disturbed could have
// written. A seed that fails can be run again: go test -run Schedules -history.seed N
// -history.seeds 1. Its faults are then the same, though not to the microsecond.
func TestEachRecordHasItsEffectOnceWhateverTheSchedule(t *testing.T) {
	var all tally
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
}

func (t *tally) add(o tally) {
	t.records += o.records
	t.steps += o.steps
	t.kills += o.kills
	t.stops += o.stops
	t.zombies += o.zombies
	t.restarts += o.restarts
	t.cuts += o.cuts
	t.breaks += o.breaks
	t.evicts += o.evicts
}

func (t tally) String() string {
	return fmt.Sprintf("%d records, %d steps, %d runtimes killed, %d stopped, %d held, %d connections broken, "+
		"%d members put out, node restarted %d times and its power cut %d times",
		t.records, t.steps, t.kills, t.stops, t.zombies, t.breaks, t.evicts, t.restarts, t.cuts)
}

// play lets records come and things go wrong, and then wants all to be right.
func (a *arena) play() {
	ctx, cancel := context.WithTimeout(a.Context(), 10*time.Minute) // of the bubble's time
	defer cancel()
	records := 100 + a.rng.IntN(200)
	loaded := make(chan error, 1)
	go func() { loaded <- a.load(ctx, records) }()
	for going := true; going; {
		time.Sleep(time.Duration(a.rng.IntN(400)) * time.Millisecond)
		a.disturb()
		select {
		case err := <-loaded:
			if err != nil {
				a.Fatal(err)
			}
			going = false
		default:
		}
	}
	for range 3 {
		a.disturb()
	}
	a.settle(ctx)
	for _, h := range a.hosts {
		h.stop()
	}
}

// disturb makes one thing go wrong, or right again.
func (a *arena) disturb() {
	h := a.hosts[a.rng.IntN(len(a.hosts))]
	if h.line == nil {
		a.Logf("%v: %s is started", a.since(), h.name)
		h.start()
		return
	}
	switch a.rng.IntN(8) {
	case 0:
		a.Logf("%v: %s is killed", a.since(), h.name)
		h.kill()
		a.tally.kills++
	case 1:
		a.Logf("%v: %s is stopped", a.since(), h.name)
		h.stop()
		a.tally.stops++
	case 2, 3:
		a.zombie(h)
	case 4:
		bytes := a.rng.IntN(3000)
		a.Logf("%v: each connection of %s breaks after %d bytes", a.since(), h.name, bytes)
		h.line.cutAfter(bytes)
		a.tally.breaks++
	case 5:
		a.evict()
	case 6:
		a.Logf("%v: the node is restarted", a.since())
		a.node.Restart()
		a.tally.restarts++
	case 7:
		loss := []evidenttest.Loss{evidenttest.LoseUnsynced, evidenttest.TearUnsynced}[a.rng.IntN(2)]
		a.Logf("%v: the node's power is cut, and %s", a.since(), loss)
		a.node.CutPower(loss)
		a.node.Restart()
		a.tally.cuts++
	}
}

// zombie holds a runtime up, for long enough that the group goes on without it or not,
// and then lets it go: what it had sent arrives then.
func (a *arena) zombie(h *host) {
	a.Logf("%v: %s is held", a.since(), h.name)
	letGo := h.line.hold()
	if a.rng.IntN(2) == 0 {
		a.evict()
	}
	time.Sleep(time.Duration(a.rng.IntN(15000)) * time.Millisecond)
	a.Logf("%v: %s is let go", a.since(), h.name)
	letGo()
	a.tally.zombies++
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
			a.tally.records, a.tally.steps = len(h.Inputs), len(h.Notes)
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

// lasting tells whether a violation cannot be of what has only not come yet.
func lasting(v Violation) bool {
	return slices.Contains([]Kind{Twice, Order, Stale, Wrong}, v.Kind)
}
