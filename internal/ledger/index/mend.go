package index

import (
	"errors"
	"io/fs"
	"slices"
)

// A damage is that of one block.
type damage struct {
	block *block
	err   error // wraps ErrCorrupt
}

func (d *damage) Error() string { return d.err.Error() }
func (d *damage) Unwrap() error { return d.err }

// in tells in which block it was that reading failed.
func in(b *block, err error) error {
	if errors.Is(err, ErrCorrupt) {
		return &damage{b, err}
	}
	return err
}

// Mend cuts the index off at the block that an error says is damaged: it is behind
// then, and is made again from there on. What lies before stays. Other errors it
// returns.
func (p *Partition) Mend(err error) error {
	var d *damage
	if !errors.As(err, &d) {
		return err
	}
	p.work.Lock()
	defer p.work.Unlock()
	return p.cutAt(d)
}

// cutAt forgets a damaged block, and what follows it, unless somebody did so
// already. p.work is held.
func (p *Partition) cutAt(d *damage) error {
	p.mu.Lock()
	i := slices.Index(p.mu.blocks, d.block)
	if i < 0 {
		p.mu.Unlock()
		return nil
	}
	from, live := d.block.first, p.mu.live
	gone := p.mu.blocks[i:]
	p.cutOff(i, from)
	p.mu.Unlock()
	p.ix.damaged.Add(1)
	p.ix.cfg.Logger.Error("a part of the index is damaged: it is made again from the log, with all that follows it",
		"topic", p.name.Topic, "partition", p.name.Partition, "from", from, "offsets", live-from, "error", d.err)
	poke(p.ix.late)
	for _, b := range slices.Backward(gone) { // should the power go meanwhile, those that are left follow one another
		p.old = append(p.old, b.name)
	}
	return p.sweep()
}

// sweep removes files of blocks that were replaced. What could not be removed is
// tried again before anything else is done. p.work is held.
func (p *Partition) sweep() error {
	if len(p.old) == 0 {
		return nil
	}
	p.files.Lock() // nobody reads them any more
	defer p.files.Unlock()
	for len(p.old) > 0 {
		if err := shred(p.ix.cfg.FS, p.old[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		p.old = p.old[1:]
	}
	return p.ix.cfg.FS.SyncDir(p.dir)
}
