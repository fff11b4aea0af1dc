package index

import "slices"

// Erase removes all that the index has of offsets for good, and returns when
// nothing of it is on the disk. Their records must be gone from the log, or the
// index may read them again.
func (p *Partition) Erase(offsets []int64) error {
	return p.mend(p.erase(slices.Sorted(slices.Values(offsets))))
}

func (p *Partition) erase(offsets []int64) error {
	p.work.Lock()
	defer p.work.Unlock()
	blocks := p.eraseInMemory(offsets)
	for i, b := range blocks {
		from, _ := slices.BinarySearch(offsets, b.first)
		to, _ := slices.BinarySearch(offsets, b.next)
		if from == to {
			continue
		}
		if err := p.eraseIn(i, b, offsets[from:to]); err != nil {
			return err
		}
	}
	return nil
}

// eraseInMemory returns the blocks to go on with.
func (p *Partition) eraseInMemory(offsets []int64) []*block {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range append(slices.Clip(p.mu.full), p.mu.growing) {
		s.erase(offsets)
	}
	for _, o := range offsets {
		if o >= p.mu.growing.next && !p.mu.stopped {
			p.mu.erased[o] = true // it may be on its way
		}
	}
	return p.mu.blocks
}

// eraseIn writes the i-th block again without some offsets.
func (p *Partition) eraseIn(i int, b *block, offsets []int64) error {
	s, err := b.load(p.ix.cfg.FS)
	if err != nil {
		return err
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
