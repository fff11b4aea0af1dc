package log

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
)

// unknownTime stands for the largest timestamp of a sealed segment that has not
// been looked at since the log was opened.
const unknownTime = math.MinInt64

// describe finds out what is not yet known of a segment that was sealed before
// the log was opened: how long its indexes are, and its largest timestamp. An
// index that is missing or torn is built anew.
func (p *Partition) describe(s *segment) error {
	if p.described(s) {
		return nil
	}
	p.indexing.Lock()
	defer p.indexing.Unlock()
	if p.described(s) { // somebody was quicker
		return nil
	}
	d := s.blank()
	err := p.measure(d)
	if errors.Is(err, errIndexTorn) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.EOF) {
		p.log.cfg.Logger.Warn("an index is missing or torn; it is built anew from its segment", "segment", s.path, "error", err)
		err = p.rebuildIndexes(d)
	}
	if err != nil {
		return err
	}
	p.adoptIndexes(s, d)
	return nil
}

// distrust builds the indexes of a sealed segment anew because an entry does not
// lead to its batch. If it is the batch that is damaged that cannot be done, and
// is not tried again; who reads on from the segment's begin finds the damage.
func (p *Partition) distrust(s *segment, why error) error {
	if errors.Is(why, errReplaced) {
		return why
	}
	p.indexing.Lock()
	defer p.indexing.Unlock()
	p.mu.Lock()
	hopeless := s.distrusted || !s.exact
	s.distrusted = true
	p.mu.Unlock()
	if hopeless {
		return nil
	}
	p.log.cfg.Logger.Warn("an index does not lead to its segment's batches; it is built anew", "segment", s.path, "error", why)
	d := s.blank()
	err := p.rebuildIndexes(d)
	if err == nil {
		p.adoptIndexes(s, d)
	}
	if errors.Is(err, ErrCorruption) {
		return nil
	}
	return err
}

// blank is s without what its indexes tell.
func (s *segment) blank() *segment {
	d := &segment{base: s.base, path: s.path, owner: s.owner, next: s.next, size: s.size, maxTime: -1, maxTimeOffset: -1, indexedTime: math.MinInt64}
	d.offsets = index{owner: s.owner, name: s.offsets.name, entry: offsetEntry}
	d.times = index{owner: s.owner, name: s.times.name, entry: timeEntry}
	return d
}

// adoptIndexes takes over what was found out about s.
func (p *Partition) adoptIndexes(s, d *segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.offsets, s.times = d.offsets, d.times
	s.maxTime, s.maxTimeOffset, s.indexedTime = d.maxTime, d.maxTimeOffset, d.indexedTime
}

func (p *Partition) described(s *segment) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return s.offsets.stored != unknownEntries
}

// measure reads what the index files of d tell.
func (p *Partition) measure(d *segment) error {
	if d.size == 0 {
		return nil
	}
	if err := d.offsets.measure(p.log.files); err != nil {
		return err
	}
	if err := d.times.measure(p.log.files); err != nil {
		return err
	}
	if err := d.checkIndexes(p.log.files, d.next, d.size); err != nil {
		return err
	}
	r := d.times.reader(p.log.files)
	defer r.close()
	e, err := r.at(d.times.len() - 1)
	if err != nil {
		return err
	}
	t, rel := timeOf(e)
	d.maxTime, d.maxTimeOffset = t, d.base+int64(rel)
	return nil
}

// rebuildIndexes scans the segment d and writes its indexes.
func (p *Partition) rebuildIndexes(d *segment) error {
	d.offsets.stored, d.times.stored = 0, 0
	d.maxTime, d.maxTimeOffset, d.indexedTime = -1, -1, math.MinInt64
	f, err := d.open(p.log.files, true)
	if err != nil {
		return err
	}
	defer f.release()
	interval := p.Settings().IndexIntervalBytes
	for sc := newScanner(f, 0, d.size); ; {
		b, at, err := sc.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("%s at position %d: %w", d.logName(), at, err)
		}
		d.note(b, at, interval)
	}
	d.noteTime()
	for _, x := range []*index{&d.offsets, &d.times} {
		p.log.files.drop(x.owner, x.name)
		if err := x.write(p.log.fs, true); err != nil {
			return err
		}
		x.wroteAll()
	}
	return nil
}

// writeIndexes writes what a segment's indexes have pending to their files, but
// no more entries than upTo counts, if it is given: those of batches that may
// yet be lost have no place there.
func (p *Partition) writeIndexes(s *segment, upTo *mark, sync bool) error {
	p.indexing.Lock()
	defer p.indexing.Unlock()
	p.mu.Lock()
	if s.sealed && upTo == nil {
		s.noteTime()
	}
	offsets, times := s.offsets, s.times
	if upTo != nil {
		offsets, times = offsets.first(upTo.offsetEntries), times.first(upTo.timeEntries)
	}
	p.mu.Unlock()
	for _, x := range []*index{&offsets, &times} {
		if len(x.pending) == 0 && !sync {
			continue
		}
		if err := x.write(p.log.fs, sync); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.offsets.wrote(&offsets)
	s.times.wrote(&times)
	return nil
}
