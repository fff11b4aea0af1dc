package history

// A replay goes through the notes of one task in their order, as one worker would.
type replay struct {
	*checker
	task    int32
	inputs  []Input
	handled map[Place]Place // inputs, and where their notes stand
	last    map[Place]int64 // the last input handled, by partition
	states  map[string]State
	left    map[string][]*Note // by key, the notes that left its states, in order
	timers  map[timerID]int64  // when each timer that is set is due
}

// timerID is what tells a timer from others in a task.
type timerID struct {
	event     bool
	key, name string
}

func newReplay(c *checker, task int32) *replay {
	return &replay{
		checker: c, task: task,
		handled: make(map[Place]Place), last: make(map[Place]int64),
		states: make(map[string]State), left: make(map[string][]*Note), timers: make(map[timerID]int64),
	}
}

// note is the next step.
func (r *replay) note(n *Note) {
	switch {
	case n.Input != nil:
		r.record(n)
	case n.Fired != nil:
		r.fired(n)
	default:
		r.report(Stray, "note %s is of %s", n.At, n.subject())
		return
	}
	r.scan(n)
	r.state(n)
	r.set(n)
}

// record checks that a note's input is the next one of its partition.
func (r *replay) record(n *Note) {
	in := *n.Input
	if at, twice := r.handled[in]; twice {
		r.report(Twice, "record %s was handled at %s, and again at %s", in, at, n.At)
		return
	}
	r.handled[in] = n.At
	partition := in.partition()
	if last, some := r.last[partition]; some && in.Offset < last {
		r.report(Order, "record %s was handled at %s, after that at offset %d", in, n.At, last)
	}
	r.last[partition] = max(r.last[partition], in.Offset)
	if r.dead[in] > 0 {
		r.report(Twice, "record %s was handled at %s and is a dead letter, too", in, n.At)
	}
	if in.Partition != r.task {
		r.report(Stray, "record %s was handled by task %d, at %s", in, r.task, n.At)
	}
	r.overdue(n)
}

// overdue checks that no timer of event time is left that had to fire before the record,
// by which it is due.
func (r *replay) overdue(n *Note) {
	for id, at := range r.timers {
		if id.event && at <= n.Event {
			r.report(Timing, "%s was handled at event time %d, before timer %s of key %q, due at %d (note %s)", n.subject(), n.Event, id.name, id.key, at, n.At)
		}
	}
}

// state checks that the note's states follow one another.
func (r *replay) state(n *Note) {
	if was := r.states[n.Key]; !r.h.Stateless && n.Before != was {
		r.report(Stale, "%s found key %q at %s, which was left at %s (note %s)", n.subject(), n.Key, n.Before, was, n.At)
	}
	if want := n.Before.Next(n.event()); n.After != want {
		r.report(Wrong, "%s left key %q at %s, not at %s (note %s)", n.subject(), n.Key, n.After, want, n.At)
	}
	r.states[n.Key] = n.After
	r.left[n.Key] = append(r.left[n.Key], n)
}

// scan checks what a step saw of the whole task.
func (r *replay) scan(n *Note) {
	if n.Scanned == "" {
		return
	}
	if want := digestOf(r.states); n.Scanned != want {
		r.report(Stale, "%s saw %d keys of task %d otherwise than they were left: digest %s, not %s (note %s)",
			n.subject(), len(r.states), r.task, n.Scanned, want, n.At)
	}
}

// fired checks that a timer was set and is due, and takes it away.
func (r *replay) fired(n *Note) {
	id := timerID{n.Fired.Event, n.Key, n.Fired.Name}
	at, set := r.timers[id]
	switch now := n.clock(); {
	case !set:
		r.report(Timing, "%s fired and was not set, or had fired before (note %s)", n.subject(), n.At)
	case at != n.Fired.At:
		r.report(Timing, "%s fired and was set to %d (note %s)", n.subject(), at, n.At)
	case now < n.Fired.At:
		r.report(Timing, "%s fired %d ms too soon, at %d (note %s)", n.subject(), n.Fired.At-now, now, n.At)
	}
	delete(r.timers, id)
}

// clock is the time by the clock of the timer that fired.
func (n *Note) clock() int64 {
	if n.Fired.Event {
		return n.Event
	}
	return n.Wall
}

// set keeps what a step did to the timers of its key.
func (r *replay) set(n *Note) {
	for _, t := range n.Set {
		r.timers[timerID{t.Event, n.Key, t.Name}] = t.At
	}
	for _, t := range n.Stopped {
		delete(r.timers, timerID{t.Event, n.Key, t.Name})
	}
}

// end checks what should be over when a task has come to its end.
func (r *replay) end() {
	there := make(map[Place]bool)
	for _, in := range r.inputs {
		there[in.Place] = true
		if _, ok := r.handled[in.Place]; !ok && r.dead[in.Place] == 0 {
			r.report(Missing, "record %s (key %q) was never handled", in.Place, in.Key)
		}
	}
	for _, in := range sorted(r.handled) {
		if !there[in] {
			r.report(Stray, "record %s was handled at %s, and is not there", in, r.handled[in])
		}
	}
	r.unfired()
}

// unfired reports the timers that are set and did not fire. Those by event time fire
// only if later records come, so they may be left.
func (r *replay) unfired() {
	for id, at := range r.timers {
		if !id.event {
			r.report(Timing, "timer %s of key %q, due at %d, never fired", id.name, id.key, at)
		}
	}
}
