package window

import (
	"cmp"
	"slices"
)

// Info is what order and priority know of a record.
type Info struct {
	Offset   int64
	Key      uint64 // a hash; 0: the record has no key
	Priority int64
}

// Ranking decides which available records come first, where it is not the order
// of offsets alone. It knows the records from the start of the window up to an
// offset; see [Ranking.Add].
type Ranking struct {
	// ByKey gives a record out only when those before it with the same key are
	// finished or given up.
	ByKey bool
	// ByPriority gives records with a greater priority out first.
	ByPriority bool

	infos []Info // in order of offset
	end   int64  // what is before is known

	// Memory for the next Pick.
	best []Info
	busy map[uint64]bool // keys of records that are not finished
}

// NewRanking makes a Ranking that knows nothing of the window yet.
func NewRanking(w *Window, byKey, byPriority bool) *Ranking {
	return &Ranking{ByKey: byKey, ByPriority: byPriority, end: w.start, busy: make(map[uint64]bool)}
}

// Missing returns the offset from which records are to be added, and how many
// offsets, so that the ranking looks so far ahead in the window; none if it does.
func (k *Ranking) Missing(w *Window, ahead int) (from int64, offsets int) {
	k.trim(w)
	return k.end, int(max(0, w.start+int64(ahead)-k.end))
}

// trim forgets what is finished.
func (k *Ranking) trim(w *Window) {
	i, _ := slices.BinarySearchFunc(k.infos, w.start, func(in Info, offset int64) int { return cmp.Compare(in.Offset, offset) })
	k.infos = slices.Delete(k.infos, 0, i)
	k.end = max(k.end, w.start)
}

// Add says which records the log has from the offset of Missing on up to offset
// end, in order. The window grows to hold them; what lies between them is finished.
func (k *Ranking) Add(w *Window, infos []Info, end int64) {
	var edits []edit
	gap := func(first, last int64) {
		if first < w.end && first <= last {
			edits = append(edits, edit{first, min(last, w.end-1), vanish})
		}
		w.extend(last, Archived)
	}
	at := k.end
	for _, in := range infos {
		gap(at, in.Offset-1)
		w.extend(in.Offset, Available)
		at = in.Offset + 1
	}
	gap(at, end-1)
	k.infos, k.end = append(k.infos, infos...), max(k.end, end)
	w.edit(edits)
}

// Pick returns the offsets of at most n records that are to be given out next,
// best first.
func (k *Ranking) Pick(w *Window, n int) []int64 {
	k.trim(w)
	best := k.candidates(w)
	if k.ByPriority {
		slices.SortFunc(best, func(a, b Info) int {
			return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Offset, b.Offset))
		})
	}
	offsets := make([]int64, min(n, len(best)))
	for i := range offsets {
		offsets[i] = best[i].Offset
	}
	return offsets
}

// candidates are the records that may be given out now, in order of offset, until
// the next call.
func (k *Ranking) candidates(w *Window) []Info {
	k.best = k.best[:0]
	clear(k.busy)
	runs := w.runs
	for _, in := range k.infos {
		for len(runs) > 0 && runs[0].last < in.Offset {
			runs = runs[1:]
		}
		if len(runs) == 0 {
			break
		}
		state := runs[0].state
		if state.finished() || state == Archiving || k.ByKey && k.busy[in.Key] {
			continue
		}
		if k.ByKey && in.Key != 0 {
			k.busy[in.Key] = true
		}
		if state == Available {
			k.best = append(k.best, in)
		}
	}
	return k.best
}

// Take locks the records that were picked, as [Window.Acquire] does.
func (w *Window) Take(a Acquisition, offsets []int64) []Range {
	t := taking{window: w, Acquisition: a}
	for _, offset := range slices.Sorted(slices.Values(offsets)) {
		if t.done {
			break
		}
		t.take(offset, offset)
	}
	w.edit(t.edits)
	return t.ranges
}
