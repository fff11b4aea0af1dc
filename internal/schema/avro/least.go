package avro

// setLeast says of all types how many bytes their values take at least: 0 for
// those that never take any (null, fixed of size 0, records of nothing else).
// With it a walk need not visit what is empty, of which there may be more than
// anyone could count, and knows how many items can be in what is left.
func setLeast(root *node) { leasts{}.of(root) }

// leasts has the types that were begun, and whether they are done.
type leasts map[*node]bool

// of returns the least size. A record that is met again within itself has no
// end, or takes a byte for the union, array or map in between: 1 is right for
// either.
func (l leasts) of(n *node) int {
	if done, begun := l[n]; begun {
		if !done {
			return 1
		}
		return n.least
	}
	l[n] = false
	least := 1
	switch n.kind {
	case kindNull:
		least = 0
	case kindFloat:
		least = 4
	case kindDouble:
		least = 8
	case kindFixed:
		least = n.size
	case kindArray, kindMap:
		l.of(n.items)
	case kindUnion:
		for _, b := range n.branches {
			l.of(b)
		}
	case kindRecord:
		least = 0
		for i := range n.fields {
			least = min(least+l.of(n.fields[i].typ), 1<<40)
		}
	}
	n.least, l[n] = least, true
	return least
}
