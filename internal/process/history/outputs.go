package history

import (
	"maps"
	"slices"
)

// checkOutputs wants, for each key, the outputs of its steps in their order.
func (c *checker) checkOutputs() {
	byKey := make(map[string][]Output)
	for _, o := range c.h.Outputs {
		byKey[o.Key] = append(byKey[o.Key], o)
	}
	for _, id := range c.taskIDs() {
		t := c.tasks[id]
		for _, key := range slices.Sorted(maps.Keys(t.left)) {
			c.checkKey(key, t.left[key], byKey[key])
			delete(byKey, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		for _, o := range byKey[key] {
			c.report(Stray, "output %s has key %q, of which no step is committed", o.At, key)
		}
	}
}

// written is what an output is told from others of its key by.
type written struct {
	state State
	index int
}

// checkKey compares the outputs of a key with those of its notes.
func (c *checker) checkKey(key string, notes []*Note, outputs []Output) {
	want := make(map[written]int) // the place in the sequence
	var in []written
	for _, n := range notes {
		for i := range n.Outputs {
			w := written{n.After, i}
			want[w] = len(in)
			in = append(in, w)
		}
	}
	seen := make(map[written]Place)
	last := -1
	for _, o := range outputs {
		w := written{o.State, o.Index}
		place, ok := want[w]
		at, twice := seen[w]
		switch {
		case !ok:
			c.report(Stray, "output %s of key %q, number %d of state %s, is of no committed step", o.At, key, o.Index, o.State)
			continue
		case twice:
			c.report(Twice, "output number %d of state %s of key %q stands at %s, and again at %s", o.Index, o.State, key, at, o.At)
		case place < last:
			c.report(Order, "output %s of key %q, number %d of state %s, comes after a later one", o.At, key, o.Index, o.State)
		}
		seen[w] = o.At
		last = max(last, place)
	}
	for _, w := range in {
		if _, ok := seen[w]; !ok {
			c.report(Lost, "output number %d of state %s of key %q is not there", w.index, w.state, key)
		}
	}
}

// checkChanges wants the changelog to tell some of each key's states in their order,
// the last one among them: a step writes only the last of those that it went through.
func (c *checker) checkChanges() {
	if c.h.Stateless {
		return
	}
	byKey := make(map[string][]Change)
	for _, ch := range c.h.Changes {
		byKey[ch.Key] = append(byKey[ch.Key], ch)
	}
	for _, id := range c.taskIDs() {
		t := c.tasks[id]
		for _, key := range slices.Sorted(maps.Keys(t.left)) {
			c.checkLog(key, t.left[key], byKey[key])
			delete(byKey, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		c.report(Stray, "the changelog has key %q at %s, of which no step is committed", key, byKey[key][0].At)
	}
}

// checkLog compares the changes of a key with the states that its notes left.
func (c *checker) checkLog(key string, notes []*Note, changes []Change) {
	place := make(map[State]int)
	for i, n := range notes {
		place[n.After] = i
	}
	last := -1
	for _, ch := range changes {
		i, ok := place[ch.State]
		switch {
		case ch.Gone:
			c.report(Stray, "the changelog removes key %q at %s, which no step did", key, ch.At)
		case !ok:
			c.report(Stray, "the changelog has key %q in state %s at %s, which no committed step left", key, ch.State, ch.At)
		case i < last:
			c.report(Order, "the changelog has key %q in state %s at %s, after a later one", key, ch.State, ch.At)
		case i == last:
			c.report(Twice, "the changelog has key %q in state %s at %s, and before", key, ch.State, ch.At)
		}
		if ok {
			last = max(last, i)
		}
	}
	if last < len(notes)-1 {
		c.report(Lost, "the changelog ends before state %s of key %q", notes[len(notes)-1].After, key)
	}
}
