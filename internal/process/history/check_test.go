package history

import (
	"slices"
	"testing"
)

func TestWhatAnUndisturbedWorkerDidIsRight(t *testing.T) {
	for seed := range uint64(50) {
		h := goodHistory(t, seed)
		if found := Check(h); len(found) > 0 {
			t.Fatalf("seed %d: %d violations of none, first %s", seed, len(found), found[0])
		}
		if len(h.Outputs) == 0 || len(h.Dead) == 0 && seed == 0 {
			t.Fatalf("seed %d: the history has %d outputs and %d dead letters: too little to be wrong", seed, len(h.Outputs), len(h.Dead))
		}
	}
}

// at is an index in the middle of n things.
func at(n int) int { return n / 2 }

// first is the index of the first note that is one of those.
func first(h *History, is func(*Note) bool) int {
	return slices.IndexFunc(h.Notes, func(n Note) bool { return is(&n) })
}

func ofTimer(n *Note) bool { return n.Fired != nil }

// swap changes the places of two neighbours.
func swap[E any](s []E, i int) { s[i], s[i+1] = s[i+1], s[i] }

// sameKey is the first index of a pair of outputs of one key.
func sameKey(h *History) int {
	for i := range h.Outputs[1:] {
		if h.Outputs[i].Key == h.Outputs[i+1].Key {
			return i
		}
	}
	return -1
}

// laterChange finds two changes of one key.
func laterChange(h *History) (i, j int) {
	for i, a := range h.Changes {
		for j, b := range h.Changes[i+1:] {
			if a.Key == b.Key {
				return i, i + 1 + j
			}
		}
	}
	return -1, -1
}

// Each way to spoil a good history is found, and called what it is.
func TestWhatIsWrongIsFound(t *testing.T) {
	spoilt := []struct {
		name  string
		spoil func(*History)
		want  Kind
	}{
		{"a note is lost", func(h *History) { h.Notes = slices.Delete(h.Notes, at(len(h.Notes)), at(len(h.Notes))+1) }, Stale},
		{"a record's note is lost", func(h *History) {
			i := first(h, func(n *Note) bool { return n.Input != nil })
			h.Notes = slices.Delete(h.Notes, i, i+1)
		}, Missing},
		{"the last notes are lost", func(h *History) { h.Notes = h.Notes[:len(h.Notes)-20] }, Missing},
		{"a note counts twice", func(h *History) {
			i := first(h, func(n *Note) bool { return n.Input != nil })
			h.Notes = slices.Insert(h.Notes, i+1, h.Notes[i])
		}, Twice},
		{"a step is run again later on the state that it left", func(h *History) {
			i := first(h, func(n *Note) bool { return n.Input != nil })
			again := h.Notes[i]
			again.Before, again.After = again.After, again.After.Next(again.event())
			h.Notes = slices.Insert(h.Notes, i+1, again)
		}, Twice},
		{"two notes change places", func(h *History) {
			i := first(h, func(n *Note) bool { return n.Input != nil && n.Input.Offset > 3 })
			for h.Notes[i+1].Input == nil {
				i++
			}
			swap(h.Notes, i)
		}, Order},
		{"a zombie's step on a stale state", func(h *History) {
			i := first(h, func(n *Note) bool { return n.Before.Seq > 2 })
			n := &h.Notes[i]
			n.Before = State{}
			n.After = n.Before.Next(n.event())
		}, Stale},
		{"a step leaves another state", func(h *History) { h.Notes[at(len(h.Notes))].After.Sum = "0000000000000000" }, Wrong},
		{"a scan sees an old state", func(h *History) { h.Notes[first(h, func(n *Note) bool { return n.Scanned != "" })].Scanned = "00" }, Stale},
		{"a note is of no input", func(h *History) { h.Inputs = slices.Delete(h.Inputs, 3, 4) }, Stray},
		{"a note is of nothing", func(h *History) { h.Notes[0].Input, h.Notes[0].Fired = nil, nil }, Stray},
		{"another task handles a record", func(h *History) { h.Notes[0].Input.Partition = 1 }, Stray},
		{"a dead letter was handled", func(h *History) { h.Dead = append(h.Dead, h.Inputs[0].Place) }, Twice},
		{"a dead letter comes twice", func(h *History) { h.Dead = append(h.Dead, h.Dead[0]) }, Twice},
		{"a dead letter is lost", func(h *History) { h.Dead = h.Dead[1:] }, Missing},
		{"an output is lost", func(h *History) { h.Outputs = slices.Delete(h.Outputs, 5, 6) }, Lost},
		{"an output counts twice", func(h *History) { h.Outputs = slices.Insert(h.Outputs, 5, h.Outputs[5]) }, Twice},
		{"two outputs of a key change places", func(h *History) { swap(h.Outputs, sameKey(h)) }, Order},
		{"an output of a step that was aborted", func(h *History) {
			o := h.Outputs[5]
			o.State = o.State.Next("something else")
			h.Outputs = append(h.Outputs, o)
		}, Stray},
		{"an output of a key that no step had", func(h *History) { h.Outputs[5].Key = "nobody" }, Stray},
		{"the changelog's last record is lost", func(h *History) { h.Changes = h.Changes[:len(h.Changes)-1] }, Lost},
		{"the changelog has a step that was aborted", func(h *History) {
			ch := h.Changes[5]
			ch.State = ch.State.Next("something else")
			h.Changes = append(h.Changes, ch)
		}, Stray},
		{"the changelog goes back", func(h *History) {
			i, j := laterChange(h)
			h.Changes[i].State, h.Changes[j].State = h.Changes[j].State, h.Changes[i].State
		}, Order},
		{"the changelog has a state twice", func(h *History) { h.Changes = slices.Insert(h.Changes, 5, h.Changes[5]) }, Twice},
		{"the changelog has a key that no step had", func(h *History) { h.Changes[5].Key = "nobody" }, Stray},
		{"the changelog removes a key", func(h *History) { h.Changes[5].Gone = true }, Stray},
		{"a timer fires twice", func(h *History) {
			i := first(h, ofTimer)
			again := h.Notes[i]
			again.Before, again.After = again.After, again.After.Next(again.event())
			h.Notes = slices.Insert(h.Notes, i+1, again)
		}, Timing},
		{"a timer never fires", func(h *History) {
			i := len(h.Notes) - 1
			for h.Notes[i].Fired == nil || h.Notes[i].Fired.Event {
				i--
			}
			h.Notes = slices.Delete(h.Notes, i, i+1)
		}, Timing},
		{"a timer fires too soon", func(h *History) {
			n := &h.Notes[first(h, ofTimer)]
			n.Wall, n.Event = n.Fired.At-1, n.Fired.At-1
		}, Timing},
		{"a record comes before the timer that it made due", func(h *History) {
			i := 0
			for a, b := &h.Notes[0], &h.Notes[1]; a.Fired == nil || !a.Fired.Event || b.Input == nil || a.Key == b.Key; a, b = &h.Notes[i], &h.Notes[i+1] {
				i++
			}
			swap(h.Notes, i)
		}, Timing},
		{"a timer fires when it was no longer due", func(h *History) { h.Notes[first(h, ofTimer)].Fired.At-- }, Timing},
		{"a position is behind", func(h *History) { h.Committed[0].Offset-- }, Position},
		{"a position is not committed", func(h *History) { h.Committed = h.Committed[1:] }, Position},
	}
	for _, s := range spoilt {
		t.Run(s.name, func(t *testing.T) {
			h := goodHistory(t, 7)
			s.spoil(&h)
			found := Check(h)
			if !slices.ContainsFunc(found, func(v Violation) bool { return v.Kind == s.want }) {
				t.Errorf("found %v, and none of it is %q", found, s.want)
			}
		})
	}
}
