package history

import (
	"cmp"
	"fmt"
	"slices"
)

// Kind is what a violation is of.
type Kind string

// The kinds of violations.
const (
	// Missing is an input whose position was passed, or that is still to be handled
	// at the end, without a note or a dead letter.
	Missing Kind = "missing"
	// Twice is an input, a timer, an output or a dead letter that counted twice.
	Twice Kind = "twice"
	// Order is an input handled before an earlier one, or an output before one.
	Order Kind = "order"
	// Stale is a state that is not the one that was left before.
	Stale Kind = "stale"
	// Wrong is a state that does not follow from the one before and the event.
	Wrong Kind = "wrong"
	// Stray is something that nothing committed accounts for: a note of what is no
	// input, an output or a change of no step.
	Stray Kind = "stray"
	// Lost is an output or a change that a committed step made and that is not there.
	Lost Kind = "lost"
	// Timing is a timer that fired without being set, too soon, or never.
	Timing Kind = "timing"
	// Position is a committed position that does not agree with what was handled.
	Position Kind = "position"
)

// A Violation is something that one undisturbed worker could not have done.
type Violation struct {
	Kind Kind
	// Text says what is wrong and where.
	Text string
}

func (v Violation) String() string { return string(v.Kind) + ": " + v.Text }

// Check returns what is wrong with the history of a processor that has come to the end
// of its inputs and has no timers left to fire: nothing, if each record had its effect
// once.
func Check(h History) []Violation {
	c := &checker{h: h, tasks: make(map[int32]*replay), dead: make(map[Place]int)}
	c.readDead()
	for _, in := range h.Inputs {
		t := c.task(in.Partition)
		t.inputs = append(t.inputs, in)
	}
	for i := range h.Notes {
		c.task(h.Notes[i].At.Partition).note(&h.Notes[i])
	}
	for _, id := range c.taskIDs() {
		c.tasks[id].end()
	}
	c.checkOutputs()
	c.checkChanges()
	c.checkCommitted()
	return c.found
}

// checker is the work of one call of Check.
type checker struct {
	h     History
	tasks map[int32]*replay
	dead  map[Place]int // how often each was given up
	found []Violation
}

func (c *checker) report(k Kind, format string, args ...any) {
	c.found = append(c.found, Violation{Kind: k, Text: fmt.Sprintf(format, args...)})
}

// task is the replay of a task.
func (c *checker) task(id int32) *replay {
	if c.tasks[id] == nil {
		c.tasks[id] = newReplay(c, id)
	}
	return c.tasks[id]
}

func (c *checker) taskIDs() []int32 {
	ids := make([]int32, 0, len(c.tasks))
	for id := range c.tasks {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// readDead counts the dead letters.
func (c *checker) readDead() {
	for _, p := range c.h.Dead {
		if c.dead[p]++; c.dead[p] > 1 {
			c.report(Twice, "record %s is a dead letter %d times", p, c.dead[p])
		}
	}
}

// checkCommitted wants each partition's position to be at its end.
func (c *checker) checkCommitted() {
	ends := make(map[Place]int64)
	for _, in := range c.h.Inputs {
		ends[in.partition()] = max(ends[in.partition()], in.Offset+1)
	}
	for _, p := range c.h.Committed {
		if end := ends[p.partition()]; p.Offset < end {
			c.report(Position, "position %s is before the end, %d", p, end)
		}
		delete(ends, p.partition())
	}
	for _, p := range sorted(ends) {
		c.report(Position, "partition %s/%d has records up to %d and no position", p.Topic, p.Partition, ends[p])
	}
}

// sorted are the places of a map in their order.
func sorted[V any](m map[Place]V) []Place {
	places := make([]Place, 0, len(m))
	for p := range m {
		places = append(places, p)
	}
	slices.SortFunc(places, comparePlaces)
	return places
}

func comparePlaces(a, b Place) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}
