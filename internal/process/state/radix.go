package state

import "slices"

// radixLeast is from how many items on a radix sort is quicker than comparing.
const radixLeast = 512

// sortItems brings items into the order of their heads; of equal ones the order is that
// of compare. scratch is used if it is large enough, and given back for the next time.
func sortItems(items, scratch []item, compare func(a, b item) int) []item {
	if len(items) < radixLeast {
		slices.SortFunc(items, compare)
		return scratch
	}
	if cap(scratch) < len(items) {
		scratch = make([]item, len(items))
	}
	radix(items, scratch[:len(items)])
	for from := 0; from < len(items); {
		to := from + 1
		for to < len(items) && items[to].head == items[from].head {
			to++
		}
		if to-from > 1 {
			slices.SortFunc(items[from:to], compare)
		}
		from = to
	}
	return scratch
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
