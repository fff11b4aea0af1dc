package window

import (
	"cmp"
	"slices"
	"time"
)

// edit is what a step does to the offsets of a range.
type edit struct {
	first, last int64
	do          func(*run)
}

// edit applies edits, which are in order and do not overlap, in one pass.
func (w *Window) edit(edits []edit) {
	out := w.spare[:0]
	for _, r := range w.runs {
		for len(edits) > 0 && edits[0].last < r.first {
			edits = edits[1:]
		}
		out = cut(out, r, edits)
	}
	w.spare, w.runs = w.runs, out
	w.settle()
}

// cut appends r to out, with the edits applied to the parts that they are about.
func cut(out []run, r run, edits []edit) []run {
	for _, e := range edits {
		if e.first > r.last {
			break
		}
		if r.first < e.first {
			left := r
			left.last = e.first - 1
			out = join(out, left)
		}
		part := r
		part.first, part.last = max(r.first, e.first), min(r.last, e.last)
		e.do(&part)
		out = join(out, part)
		r.first = part.last + 1
	}
	if r.first <= r.last {
		out = join(out, r)
	}
	return out
}

// join appends r to out, as a part of the last run if it is like r.
func join(out []run, r run) []run {
	if n := len(out); n > 0 {
		last := &out[n-1]
		if last.state == r.state && last.deliveries == r.deliveries && last.lock == r.lock && last.last+1 == r.first {
			last.last = r.last
			return out
		}
	}
	return append(out, r)
}

// settle moves the start over what is finished, and counts what is left.
func (w *Window) settle() {
	n := 0
	for n < len(w.runs) && (w.runs[n].state.finished() || w.runs[n].last < w.start) {
		w.start = max(w.start, w.runs[n].last+1)
		n++
	}
	w.runs = w.runs[:copy(w.runs, w.runs[n:])]
	w.available, w.finished, w.wake = 0, 0, time.Time{}
	for i := range w.runs {
		r := &w.runs[i]
		r.first = max(r.first, w.start)
		switch {
		case r.state == Available:
			w.available += r.records()
		case r.state == Acquired && (w.wake.IsZero() || r.lock.until.Before(w.wake)):
			w.wake = r.lock.until
		case r.state.finished():
			w.finished += r.records()
		}
	}
}

// over returns the runs that have offsets in the range.
func (w *Window) over(first, last int64) []run {
	behind := func(r run, offset int64) int { return cmp.Compare(r.first, offset) }
	from, found := slices.BinarySearchFunc(w.runs, first, behind)
	if !found && from > 0 && w.runs[from-1].last >= first {
		from--
	}
	to, found := slices.BinarySearchFunc(w.runs[from:], last, behind)
	if found {
		to++
	}
	return w.runs[from : from+to]
}

// extend makes the window reach up to offset last, in the given state.
func (w *Window) extend(last int64, state State) {
	if last >= w.end {
		w.runs = join(w.runs, run{first: w.end, last: last, state: state})
		w.end = last + 1
	}
}

// archive finishes records for good.
func archive(r *run) { r.state, r.deliveries, r.lock = Archived, 0, nil }

// vanish archives records that nobody holds: they are not in the log.
func vanish(r *run) {
	if r.state == Available {
		archive(r)
	}
}
