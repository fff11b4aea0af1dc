package log

import (
	"cmp"
	"slices"
)

// Announce makes durable that records are to be erased, and changes nothing else:
// whoever has to note an erasure elsewhere first, and may crash before it is begun
// here, learns from [Partition.Announced] which offsets still are what was meant.
// Its errors are those of [Partition.Erase].
func (p *Partition) Announce(ranges []Range) error {
	if len(ranges) == 0 {
		return nil
	}
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	if err := p.checkErasure(ranges[len(ranges)-1].Last); err != nil {
		return err
	}
	if err := p.flush(); err != nil { // there may be no folder yet
		return err
	}
	erasing, announced := p.wishes()
	all := mergeRanges(announced, ranges)
	if slices.Equal(all, announced) {
		return nil
	}
	if err := p.noteErasing(erasing, all); err != nil {
		return p.storageError(err)
	}
	return nil
}

// Announced returns what of ranges was announced, and has not been cut off since: it
// can be erased without meeting a record that came later.
func (p *Partition) Announced(ranges []Range) []Range {
	_, announced := p.wishes()
	return overlap(announced, ranges)
}

// Withdraw forgets what was announced of ranges: it is erased, or not wanted any more.
func (p *Partition) Withdraw(ranges []Range) error {
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	erasing, announced := p.wishes()
	left := without(announced, ranges)
	if slices.Equal(left, announced) {
		return nil
	}
	if err := p.noteErasing(erasing, left); err != nil {
		return p.storageError(err)
	}
	return nil
}

// wishes are what is being erased, and what was announced.
func (p *Partition) wishes() (erasing, announced []Range) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.erasing, p.mu.announced
}

// overlap is what two lists of ranges in rising order both have.
func overlap(a, b []Range) (both []Range) {
	for len(a) > 0 && len(b) > 0 {
		if r := (Range{max(a[0].First, b[0].First), min(a[0].Last, b[0].Last)}); r.First <= r.Last {
			both = append(both, r)
		}
		if a[0].Last < b[0].Last {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return both
}

// without is what a has and b has not, both in rising order.
func without(a, b []Range) (left []Range) {
	for _, r := range a {
		for len(b) > 0 && b[0].Last < r.First {
			b = b[1:]
		}
		for _, gone := range b {
			if gone.First > r.Last {
				break
			}
			if r.First < gone.First {
				left = append(left, Range{r.First, gone.First - 1})
			}
			r.First = gone.Last + 1
		}
		if r.First <= r.Last {
			left = append(left, r)
		}
	}
	return left
}

// touching is the first of ranges in rising order that has any offset from first to
// last; false if none has. There may be a million of them.
func touching(ranges []Range, first, last int64) (Range, bool) {
	i, _ := slices.BinarySearchFunc(ranges, first, func(r Range, o int64) int { return cmp.Compare(r.Last, o) })
	if i == len(ranges) || ranges[i].First > last {
		return Range{}, false
	}
	return ranges[i], true
}

// clipped is what ranges have below an offset. It is nil only if they are.
func clipped(ranges []Range, end int64) []Range {
	if ranges == nil {
		return nil
	}
	return append([]Range{}, overlap(ranges, []Range{{0, end - 1}})...)
}
