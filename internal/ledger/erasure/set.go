package erasure

import (
	"cmp"
	"slices"

	"github.com/evidentlog/evident/proof"
)

// A Set is offsets. The zero value has none.
type Set struct {
	ranges []proof.Range // in any order, until Ranges
}

// Add adds the offsets of a range.
func (s *Set) Add(r proof.Range) {
	if n := len(s.ranges); n > 0 && s.ranges[n-1].Last == r.First-1 {
		s.ranges[n-1].Last = r.Last
		return
	}
	s.ranges = append(s.ranges, r)
}

// Ranges returns the offsets as the entries of the root log have them.
func (s *Set) Ranges() []proof.Range {
	sorted := slices.SortedFunc(slices.Values(s.ranges), func(a, b proof.Range) int { return cmp.Compare(a.First, b.First) })
	var out []proof.Range
	for _, r := range sorted {
		if n := len(out); n > 0 && r.First-1 <= out[n-1].Last {
			out[n-1].Last = max(out[n-1].Last, r.Last)
			continue
		}
		out = append(out, r)
	}
	return out
}

// split is what ranges have below an offset, and from it on.
func split(ranges []proof.Range, at int64) (below, from []proof.Range) {
	for _, r := range ranges {
		if r.First < at {
			below = append(below, proof.Range{First: r.First, Last: min(r.Last, at-1)})
		}
		if r.Last >= at {
			from = append(from, proof.Range{First: max(r.First, at), Last: r.Last})
		}
	}
	return below, from
}

// Count is how many offsets ranges have.
func Count(ranges []proof.Range) (n int64) {
	for _, r := range ranges {
		n += r.Count()
	}
	return n
}

func holds(ranges []proof.Range, offset int64) bool {
	_, found := slices.BinarySearchFunc(ranges, offset, func(r proof.Range, o int64) int {
		switch {
		case r.Last < o:
			return -1
		case r.First > o:
			return 1
		}
		return 0
	})
	return found
}
