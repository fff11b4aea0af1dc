package state

import (
	"bytes"
	"cmp"
	"slices"
)

// radixLeast is from how many items on a radix sort is quicker than comparing.
const radixLeast = 512

// A sorter brings items into the order of their keys; of equal keys the one that came
// later, which has the greater place, is first.
type sorter struct {
	key     func(item) []byte
	scratch []item
}

// sort sorts items whose keys have the first skip bytes in common, and whose heads are
// the eight bytes behind these.
func (s *sorter) sort(items []item, skip int) {
	if len(items) < radixLeast {
		slices.SortFunc(items, s.compare)
		return
	}
	if cap(s.scratch) < len(items) {
		s.scratch = make([]item, len(items))
	}
	radix(items, s.scratch[:len(items)])
	for from := 0; from < len(items); {
		to := from + 1
		for to < len(items) && items[to].head == items[from].head {
			to++
		}
		s.sortBehind(items[from:to], skip+8)
		from = to
	}
}

// sortBehind sorts items whose keys have the same bytes, as far as they go, up to skip.
func (s *sorter) sortBehind(items []item, skip int) {
	if len(items) < radixLeast {
		if len(items) > 1 {
			slices.SortFunc(items, s.compare)
		}
		return
	}
	common := s.common(items)
	if common < skip { // some end before, or they would differ
		slices.SortFunc(items, s.compare)
		return
	}
	s.behead(items, common)
	s.sort(items, common)
}

// behead makes the heads of items the bytes behind the first skip.
func (s *sorter) behead(items []item, skip int) {
	for i := range items {
		items[i].head = keyHead(s.key(items[i])[skip:])
	}
}

// common is how many bytes all keys of items begin with.
func (s *sorter) common(items []item) int {
	if len(items) == 0 {
		return 0
	}
	first := s.key(items[0])
	n := len(first)
	for _, i := range items {
		n = inCommon(s.key(i), first[:n])
	}
	return n
}

// inCommon is how many bytes a and b begin with alike.
func inCommon(a, b []byte) int {
	n := min(len(a), len(b))
	if bytes.Equal(a[:n], b[:n]) {
		return n // quicker than byte by byte, and mostly so
	}
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// compare compares items whose heads are of the same place in their keys.
func (s *sorter) compare(a, b item) int {
	if a.head != b.head {
		return cmp.Compare(a.head, b.head)
	}
	if c := bytes.Compare(s.key(a), s.key(b)); c != 0 {
		return c
	}
	return cmp.Compare(b.at, a.at)
}

// radix sorts items by their heads, a byte at a time from the last. Bytes that are the
// same in all are passed over.
func radix(items, other []item) {
	var counts [8][256]uint32
	for i := range items {
		for b, h := 0, items[i].head; b < 8; b, h = b+1, h>>8 {
			counts[b][byte(h)]++
		}
	}
	from, to := items, other
	for b := range counts {
		count := &counts[b]
		shift := 8 * b
		if int(count[byte(from[0].head>>shift)]) == len(from) {
			continue
		}
		sum := uint32(0)
		for i, n := range count {
			count[i], sum = sum, sum+n
		}
		for _, it := range from {
			at := &count[byte(it.head>>shift)]
			to[*at] = it
			*at++
		}
		from, to = to, from
	}
	if &from[0] != &items[0] {
		copy(items, from)
	}
}
