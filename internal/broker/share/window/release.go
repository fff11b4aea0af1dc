package window

import "time"

// Release takes a member's locks away. If counted, what it had was delivered to
// it; else it never came so far. It reports whether the member had any.
func (w *Window) Release(member string, counted bool, fate Fate) bool {
	release := fate.release
	if !counted {
		release = func(r *run) {
			r.deliveries--
			r.state, r.lock = Available, nil
		}
	}
	return w.editAcquired(release, func(l *lock) bool { return l.member == member })
}

// Return undoes an acquisition of these ranges, which never came so far as to be a
// delivery.
func (w *Window) Return(member string, ranges []Range) {
	edits := make([]edit, len(ranges))
	for i, g := range ranges {
		edits[i] = edit{g.First, g.Last, func(r *run) {
			if r.state == Acquired && r.lock.member == member && r.deliveries == g.Deliveries {
				r.deliveries--
				r.state, r.lock = Available, nil
			}
		}}
	}
	w.edit(edits)
}

// Expire takes away the locks that have run out. It reports whether there were
// any.
func (w *Window) Expire(now time.Time, fate Fate) bool {
	if w.wake.IsZero() || w.wake.After(now) {
		return false
	}
	return w.editAcquired(fate.release, func(l *lock) bool { return !l.until.After(now) })
}

// editAcquired does something to all records under locks that are picked.
func (w *Window) editAcquired(do func(*run), pick func(*lock) bool) bool {
	var edits []edit
	for i := range w.runs {
		if r := &w.runs[i]; r.state == Acquired && pick(r.lock) {
			edits = append(edits, edit{r.first, r.last, do})
		}
	}
	if len(edits) > 0 {
		w.edit(edits)
	}
	return len(edits) > 0
}

// GivenUp returns the first records that wait for their dead letter.
func (w *Window) GivenUp() (Range, bool) {
	for i := range w.runs {
		if r := &w.runs[i]; r.state == Archiving {
			return Range{r.first, r.last, r.deliveries}, true
		}
	}
	return Range{}, false
}

// Archive finishes records that wait for their dead letter.
func (w *Window) Archive(first, last int64) {
	w.edit([]edit{{first, last, func(r *run) {
		if r.state == Archiving {
			archive(r)
		}
	}}})
}
