package history

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A tally counts what schedules had: what went wrong, by the names of faults, and what
// came of it.
type tally map[string]int

// What came of a schedule.
const (
	records  = "records"
	steps    = "records and timers handled"
	fired    = "timers fired"
	given    = "dead letters"
	moved    = "tasks gone on with elsewhere"
	aborted  = "transactions aborted"
	outlived = "runtimes held until their group had gone on"
	lost     = "requests or answers lost, or sent twice"
)

// outcomes are those that a run of several schedules must have had, or it shows little.
var outcomes = []string{records, steps, fired, given, moved, aborted, outlived, lost}

func (t tally) add(o tally) {
	for what, n := range o {
		t[what] += n
	}
}

// of counts what a history shows.
func (t tally) of(h History) {
	t[records] += len(h.Inputs)
	t[steps] += len(h.Notes)
	t[given] += len(h.Dead)
	t[moved] += h.Moves()
	t[aborted] += h.Aborted
	for _, n := range h.Notes {
		if n.Fired != nil {
			t[fired]++
		}
	}
}

// missing are what should have come about and has not.
func (t tally) missing() (names []string) {
	names = slices.Clone(outcomes)
	for _, f := range allFaults {
		names = append(names, f.name)
	}
	return slices.DeleteFunc(names, func(name string) bool { return t[name] > 0 })
}

func (t tally) String() string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(t)) {
		all = append(all, fmt.Sprintf("%s: %d", what, t[what]))
	}
	return strings.Join(all, "; ")
}
