package index

import (
	"errors"
	"io/fs"
	"iter"
	"math"
	"slices"

	"github.com/evidentlog/evident/internal/vfs"
)

// Terms are what records are searched by. All that are given must fit.
type Terms struct {
	// Values are those of fields; nil where any is welcome.
	Values [fields][]byte
	// Since and Until bound the timestamp in ms: Since <= t < Until.
	Since, Until int64
}

// AnyTime bounds nothing.
func (t *Terms) AnyTime() { t.Since, t.Until = math.MinInt64, math.MaxInt64 }

// bounded tells whether the time is.
func (t *Terms) bounded() bool { return t.Since != math.MinInt64 || t.Until != math.MaxInt64 }

// A query is Terms as the index has them.
type query struct {
	Terms
	hashes [fields]uint64
}

func (ix *Index) query(t Terms) *query {
	q := &query{Terms: t}
	for f, v := range t.Values {
		if v != nil {
			q.hashes[f] = ix.secret.hash(Field(f), v)
		}
	}
	return q
}

// Find gives the offsets from an offset on that may have what is searched for, in
// rising order: all that have it and that the index reaches, and perhaps others.
// Records that are added meanwhile may be among them. ErrCorrupt ends it, which
// [Partition.Mend] mends.
func (p *Partition) Find(t Terms, from int64) iter.Seq2[int64, error] {
	q := p.ix.query(t)
	return func(yield func(int64, error) bool) {
		for at, more := from, true; more; {
			var offsets []int64
			var err error
			offsets, at, more, err = p.findFrom(q, at)
			for _, o := range offsets {
				if !yield(o, nil) {
					return
				}
			}
			if err != nil {
				yield(0, err)
				return
			}
		}
	}
}

// findFrom finds in the block that covers an offset, or follows it, or in all that
// is in memory. The search goes on at next if there is more.
func (p *Partition) findFrom(q *query, from int64) (offsets []int64, next int64, more bool, err error) {
	p.files.RLock()
	defer p.files.RUnlock()
	b, offsets := p.look(q, from)
	if b == nil {
		return offsets, 0, false, nil
	}
	p.ix.searched.Add(1)
	offsets, err = q.inBlock(p.ix.cfg.FS, b)
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.Join(ErrCorrupt, err)
	}
	return within(offsets, max(from, b.first), b.next), b.next, true, in(b, err)
}

// look returns the block to search, or else what is found in memory.
func (p *Partition) look(q *query, from int64) (b *block, offsets []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.mu.blocks {
		if b.next > from {
			return b, nil
		}
	}
	for _, s := range append(slices.Clip(p.mu.full), p.mu.growing) {
		zones := s.zones
		if q.bounded() {
			zones = timed(s.zones, q.Since, q.Until)
		}
		some, _ := q.match(zones, func(f Field) ([]int64, error) { return s.find(f, q.hashes[f]), nil })
		offsets = append(offsets, within(some, max(from, s.first), s.next)...)
	}
	return nil, offsets
}

func (q *query) inBlock(fsys vfs.FS, b *block) (offsets []int64, err error) {
	err = withFile(fsys, b.name, 0, func(file vfs.File) error {
		zones, err := q.zonesOf(b, file)
		if err != nil || zones != nil && len(zones) == 0 {
			return err
		}
		offsets, err = q.match(zones, func(f Field) ([]int64, error) { return b.find(file, f, q.hashes[f]) })
		return err
	})
	return offsets, err
}

// zonesOf returns the zones of a block that have the time, not nil; or nil if the
// time does not matter.
func (q *query) zonesOf(b *block, file vfs.File) ([]zone, error) {
	if !q.bounded() {
		return nil, nil
	}
	zones, err := b.loadZones(file)
	return append([]zone{}, timed(zones, q.Since, q.Until)...), err
}

// match returns the offsets in some zones (all if the time does not matter) that
// find has for every field that is searched by.
func (q *query) match(zones []zone, find func(Field) ([]int64, error)) (offsets []int64, err error) {
	first := true
	for f := range Field(fields) {
		if q.Values[f] == nil {
			continue
		}
		found, err := find(f)
		if err != nil {
			return nil, err
		}
		if first {
			offsets = found
		} else {
			offsets = common(offsets, found)
		}
		if first = false; len(offsets) == 0 {
			return nil, nil
		}
	}
	switch {
	case first:
		return all(zones), nil
	case q.bounded():
		return inZones(offsets, zones), nil
	}
	return offsets, nil
}

// common returns what two rising lists have both.
func common(a, b []int64) []int64 {
	return slices.DeleteFunc(a, func(o int64) bool {
		_, ok := slices.BinarySearch(b, o)
		return !ok
	})
}

// all returns all offsets of zones.
func all(zones []zone) (offsets []int64) {
	for _, z := range zones {
		for o := z.number << zoneBits; o < (z.number+1)<<zoneBits; o++ {
			offsets = append(offsets, o)
		}
	}
	return offsets
}

// within returns those of rising offsets that are at least from, and less than to.
func within(offsets []int64, from, to int64) []int64 {
	i, _ := slices.BinarySearch(offsets, from)
	j, _ := slices.BinarySearch(offsets, to)
	return offsets[min(i, j):j]
}
