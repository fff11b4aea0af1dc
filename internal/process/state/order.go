package state

import (
	"bytes"
	"slices"
	"sort"
)

// order has the entries that the step has changed in the order of their keys, once
// somebody asks. Those that were undone may still be among them.
type order struct {
	sorted []int32
	seen   int // how many of dirty are in sorted
	spare  []int32
	made   int // counts how often sorted was made
}

func (tx *Tx) clearOrder() {
	for _, i := range tx.order.sorted {
		tx.entries[i].flags &^= entryOrdered
	}
	tx.order.sorted, tx.order.seen = tx.order.sorted[:0], 0
	tx.order.made++
}

// sortDirty brings the order up to date.
func (tx *Tx) sortDirty() {
	o := &tx.order
	first := len(o.sorted)
	for _, i := range tx.dirty[o.seen:] {
		if e := &tx.entries[i]; e.flags&entryOrdered == 0 {
			e.flags |= entryOrdered
			o.sorted = append(o.sorted, i)
		}
	}
	o.seen = len(tx.dirty)
	if len(o.sorted) == first {
		return
	}
	o.made++
	slices.SortFunc(o.sorted[first:], tx.byKey)
	o.merge(first, tx.byKey)
}

func (tx *Tx) byKey(a, b int32) int { return bytes.Compare(tx.entries[a].key, tx.entries[b].key) }

// merge makes one of the two sorted parts of sorted, the second of which begins there.
func (o *order) merge(second int, compare func(a, b int32) int) {
	a, b := o.sorted[:second], append(o.spare[:0], o.sorted[second:]...)
	o.spare = b
	for n := len(o.sorted) - 1; len(a) > 0 && len(b) > 0; n-- {
		from := &b
		if compare(a[len(a)-1], b[len(b)-1]) > 0 {
			from = &a
		}
		o.sorted[n] = (*from)[len(*from)-1]
		*from = (*from)[:len(*from)-1]
	}
	copy(o.sorted, b)
}

// A dirtyCursor goes through what the step has changed within bounds, though it is
// changed meanwhile.
type dirtyCursor struct {
	tx   *Tx
	next []byte // the least key that may come
	past bool   // next itself was given
	to   []byte
	pos  int
	made int
}

func (tx *Tx) dirtyFrom(from, to []byte) *dirtyCursor {
	return &dirtyCursor{tx: tx, next: from, to: to, made: -1}
}

// peek is the next entry, or nil.
func (c *dirtyCursor) peek() *entry {
	c.tx.sortDirty()
	o := &c.tx.order
	if c.made != o.made {
		c.made = o.made
		c.pos = sort.Search(len(o.sorted), func(i int) bool {
			cmp := bytes.Compare(c.tx.entries[o.sorted[i]].key, c.next)
			return cmp > 0 || cmp == 0 && !c.past
		})
	}
	for ; c.pos < len(o.sorted); c.pos++ {
		e := &c.tx.entries[o.sorted[c.pos]]
		if bytes.Compare(e.key, c.to) >= 0 {
			return nil
		}
		if e.flags&entryDirty != 0 {
			return e
		}
	}
	return nil
}

// pass goes beyond the entry that peek gave.
func (c *dirtyCursor) pass(e *entry) {
	c.next, c.past = e.key, true
	c.pos++
}
