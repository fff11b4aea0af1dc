package timer

import (
	"container/heap"
	"slices"
	"strings"
)

// A line has the timers of one clock that are due first: exactly those of the store
// whose due is less than its end, as the step under way sees the store. So it has no
// ghosts, and misses nothing before its end.
type line struct {
	first  dues             // a heap by due
	byID   map[string]*item // the same by identity
	size   int              // about what they take up, in bytes
	budget int              // the size at which the line is cut
	end    string           // the least due that need not be here, unless all are
	all    bool             // all timers of the store are here
	fired  int64            // none that was due later has been taken, by a step that may have been aborted
}

// An item is one timer in memory.
type item struct {
	due string
	pos int // in the heap
}

// id is the part of a due that is its identity.
func (i *item) id() string { return i.due[8:] }

// itemSize is about what an item takes up beside its bytes: itself, its place in the
// heap, and its entry in the map.
const itemSize = 96

func (i *item) size() int { return len(i.due) + itemSize }

// covers reports whether a timer of that due has to be in memory if it is set.
func (l *line) covers(due string) bool { return l.all || due < l.end }

// add notes a timer that is set now, unless it is behind the line's end.
func (l *line) add(due string) {
	if !l.covers(due) {
		return
	}
	l.push(due)
	if l.size > l.budget {
		l.cut()
	}
}

func (l *line) push(due string) {
	i := &item{due: due}
	heap.Push(&l.first, i)
	l.byID[i.id()] = i
	l.size += i.size()
}

// remove notes that a timer is not set any more.
func (l *line) remove(id []byte) {
	i, ok := l.byID[string(id)]
	if !ok {
		return
	}
	heap.Remove(&l.first, i.pos)
	delete(l.byID, i.id())
	l.size -= i.size()
}

// cut leaves those due last to the store, until half of the budget is free. One timer
// stays in any case.
func (l *line) cut() {
	slices.SortFunc(l.first, func(a, b *item) int { return strings.Compare(a.due, b.due) })
	for n := len(l.first) - 1; n > 0 && l.size > l.budget/2; n-- {
		i := l.first[n]
		l.end, l.all = i.due, false
		delete(l.byID, i.id())
		l.size -= i.size()
		l.first[n] = nil
		l.first = l.first[:n]
	}
	for pos, i := range l.first { // sorted is a heap too
		i.pos = pos
	}
}

// next is a due before which nothing is due. Whether there is something at it is only
// known if the line is not empty.
func (l *line) next() (due string, ok bool) {
	if len(l.first) > 0 {
		return l.first[0].due, true
	}
	return l.end, !l.all
}

// dues is a heap of items, the one due first on top.
type dues []*item

func (d dues) Len() int           { return len(d) }
func (d dues) Less(a, b int) bool { return d[a].due < d[b].due }
func (d dues) Swap(a, b int) {
	d[a], d[b] = d[b], d[a]
	d[a].pos, d[b].pos = a, b
}

// Push is container/heap's.
func (d *dues) Push(x any) {
	i := x.(*item)
	i.pos = len(*d)
	*d = append(*d, i)
}

// Pop is container/heap's.
func (d *dues) Pop() any {
	old := *d
	i := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	return i
}
