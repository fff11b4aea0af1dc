package index

import (
	"errors"
	"math"
	"slices"

	"github.com/evidentlog/evident/proof"
)

// Erase removes all that the index has of offsets of a partition, be it open or
// not: see [Partition.Erase].
func (ix *Index) Erase(topicID string, partition int32, offsets []proof.Range) error {
	is := func(p *Partition) bool { return p.name.TopicID == topicID && p.name.Partition == partition }
	errs := []error{ix.eraseClosed(is, offsets)} // first: it may be opened, or dropped, meanwhile
	for _, p := range ix.list("") {
		if is(p) {
			errs = append(errs, p.Erase(offsets))
		}
	}
	for _, p := range ix.dropped() {
		if is(p) {
			errs = append(errs, p.remove())
		}
	}
	return errors.Join(errs...)
}

// eraseClosed erases in folders that nobody has opened since the start: an erasure
// is gone on with before the follower has come to its partition. Nobody can open
// them meanwhile.
func (ix *Index) eraseClosed(is func(*Partition) bool, offsets []proof.Range) error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for folder := range ix.mu.closed {
		id, partition, generation, _ := parseFolder(folder)
		p := ix.unopened(Name{TopicID: id, Partition: partition, Generation: generation})
		if !is(p) {
			continue
		}
		blocks, err := p.readFolder(math.MaxInt64)
		if err != nil {
			return err
		}
		p.mu.blocks = blocks
		if err := p.Erase(offsets); err != nil {
			return err
		}
	}
	return nil
}

// Erase removes all that the index has of offsets for good, and returns when
// nothing of it is on the disk. The ranges rise, and have no offset twice. Their
// records must be gone from the log before: an index that is made again reads what
// is there. To erase what has been erased costs little.
func (p *Partition) Erase(offsets []proof.Range) error { return p.Mend(p.erase(offsets)) }

func (p *Partition) erase(offsets []proof.Range) error {
	p.work.Lock()
	defer p.work.Unlock()
	if err := p.sweep(); err != nil {
		return err
	}
	for i, b := range p.eraseInMemory(offsets) {
		if err := p.eraseIn(i, b, offsets); err != nil {
			return err
		}
	}
	return nil
}

// eraseInMemory returns the blocks to go on with.
func (p *Partition) eraseInMemory(offsets []proof.Range) []*block {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range append(slices.Clip(p.mu.full), p.mu.growing) {
		s.erase(offsets)
	}
	if n := len(offsets); n > 0 && offsets[n-1].Last >= p.mu.growing.next {
		p.mu.erased = append(p.mu.erased, offsets) // some may be on their way
	}
	return p.mu.blocks
}

// eraseIn writes the i-th block again without some offsets.
func (p *Partition) eraseIn(i int, b *block, offsets []proof.Range) error {
	if j := atOrAfter(offsets, b.first); j == len(offsets) || offsets[j].First >= b.next {
		return nil
	}
	s, err := b.load(p.ix.cfg.FS)
	if err != nil {
		return in(b, err)
	}
	if !s.erase(offsets) {
		return nil
	}
	by, err := p.make(s)
	if err != nil {
		return err
	}
	return p.replace(i, i+1, by)
}

// erase removes all slots of offsets, and tells whether there were any. What was
// there is overwritten.
func (s *slice) erase(offsets []proof.Range) (found bool) {
	for f := range s.slots {
		before := s.slots[f]
		s.slots[f] = slices.DeleteFunc(before, func(slot uint64) bool {
			return contains(offsets, s.base+int64(slot&deltaMask))
		})
		found = found || len(s.slots[f]) < len(before)
	}
	return found
}

// atOrAfter is the first range that has an offset, or lies behind it.
func atOrAfter(ranges []proof.Range, offset int64) int {
	i, _ := slices.BinarySearchFunc(ranges, offset, func(r proof.Range, offset int64) int {
		if r.Last < offset {
			return -1
		}
		return 1
	})
	return i
}

func contains(ranges []proof.Range, offset int64) bool {
	i := atOrAfter(ranges, offset)
	return i < len(ranges) && ranges[i].First <= offset
}

// wasErased tells whether an offset was erased before it came. p.mu is held.
func (p *Partition) wasErased(offset int64) bool {
	return slices.ContainsFunc(p.mu.erased, func(r []proof.Range) bool { return contains(r, offset) })
}

// forgetErased lets go of erased offsets that will not come again. p.mu is held.
func (p *Partition) forgetErased() {
	p.mu.erased = slices.DeleteFunc(p.mu.erased, func(r []proof.Range) bool { return r[len(r)-1].Last < p.mu.growing.next })
}
