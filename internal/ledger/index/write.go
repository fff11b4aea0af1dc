package index

import "slices"

// write writes the slices that wait for it, and tidies up.
func (p *Partition) write() error {
	p.work.Lock()
	defer p.work.Unlock()
	if err := p.sweep(); err != nil {
		return err
	}
	for {
		s := p.oldest()
		if s == nil {
			break
		}
		b, err := p.make(s)
		if err != nil {
			return err
		}
		p.written(s, b)
	}
	if err := p.removeExpired(); err != nil {
		return err
	}
	return p.merge()
}

// oldest returns a copy of the slice that is to be written next, sorted. The
// slice itself can still be searched.
func (p *Partition) oldest() *slice {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.mu.full) == 0 {
		return nil
	}
	s := *p.mu.full[0]
	for f := range s.slots {
		s.slots[f] = slices.Clone(s.slots[f])
	}
	s.sort()
	return &s
}

// written replaces the oldest slice by the block that it became.
func (p *Partition) written(s *slice, b *block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ix.memory.Add(-p.mu.full[0].size())
	p.mu.full = slices.Delete(slices.Clone(p.mu.full), 0, 1)
	p.mu.blocks = append(slices.Clone(p.mu.blocks), b)
}

// make makes a block of a sorted slice, durable before it has its name.
func (p *Partition) make(s *slice) (*block, error) {
	fsys := p.ix.cfg.FS
	if err := p.makeFolder(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.mu.version++
	name := p.dir + "/" + blockName(s.first, s.next, p.mu.version)
	p.mu.Unlock()
	h, err := writeBlock(fsys, name+unfinished, s)
	if err == nil {
		err = fsys.Rename(name+unfinished, name)
	}
	if err == nil {
		err = fsys.SyncDir(p.dir)
	}
	if err != nil {
		p.old = append(p.old, name+unfinished, name) // slots are in what there is of it
		return nil, err
	}
	return &block{h, name}, nil
}

// replace lets blocks from the i-th to the j-th go for one that has what they had,
// or for nothing.
func (p *Partition) replace(i, j int, by ...*block) error {
	p.mu.Lock()
	old := slices.Clone(p.mu.blocks[i:j])
	p.mu.blocks = slices.Replace(slices.Clone(p.mu.blocks), i, j, by...)
	p.mu.Unlock()
	for _, b := range old {
		p.old = append(p.old, b.name)
	}
	return p.sweep()
}

// merge merges the newest blocks if there are as many as are merged at a time, and their
// offsets fit into one.
func (p *Partition) merge() error {
	p.mu.Lock()
	blocks := p.mu.blocks
	p.mu.Unlock()
	i := len(blocks)
	for i > 0 && blocks[len(blocks)-1].next-blocks[i-1].base <= maxSpan {
		i--
	}
	if len(blocks)-i < p.ix.width {
		return nil
	}
	merged, err := p.join(blocks[i:])
	if err != nil {
		return err
	}
	b, err := p.make(merged)
	if err != nil {
		return err
	}
	return p.replace(i, len(blocks), b)
}

// join makes one slice, sorted, of neighbours.
func (p *Partition) join(blocks []*block) (*slice, error) {
	first := blocks[0]
	joined := &slice{first: first.first, next: blocks[len(blocks)-1].next, base: first.base}
	for f := range joined.slots { // at once: millions that grow cost as much as sorting them
		n := int64(0)
		for _, b := range blocks {
			n += b.counts[f]
		}
		joined.slots[f] = make([]uint64, 0, n)
	}
	for _, b := range blocks {
		s, err := b.load(p.ix.cfg.FS)
		if err != nil {
			return nil, in(b, err)
		}
		joined.records += s.records
		for f := range s.slots {
			for _, slot := range s.slots[f] {
				joined.slots[f] = append(joined.slots[f], slot+uint64(b.base-first.base))
			}
		}
		for _, z := range s.zones {
			joined.zones = joinZone(joined.zones, z)
		}
	}
	joined.sort()
	return joined, nil
}

// removeExpired removes blocks that lie before the log's start.
func (p *Partition) removeExpired() error {
	p.mu.Lock()
	blocks, start := p.mu.blocks, p.mu.start
	p.mu.Unlock()
	n := 0
	for n < len(blocks)-1 && blocks[n].next <= start { // the last one tells how far the index reaches
		n++
	}
	if n == 0 {
		return nil
	}
	return p.replace(0, n)
}
