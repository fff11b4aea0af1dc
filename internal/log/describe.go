package log

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
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
	d.aborted = index{owner: s.owner, name: s.aborted.name, entry: abortEntrySize}
	return d
}

// adoptIndexes takes over what was found out about s.
func (p *Partition) adoptIndexes(s, d *segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.offsets, s.times, s.aborted = d.offsets, d.times, d.aborted
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
	if err := d.measureAborted(p.log.files, d.next); err != nil {
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
	d.offsets.stored, d.times.stored, d.aborted.stored = 0, 0, 0
	d.maxTime, d.maxTimeOffset, d.indexedTime = -1, -1, math.MinInt64
	interval, aborts := p.Settings().IndexIntervalBytes, false
	err := p.log.scanSegment(d, func(b batch.Batch, pos int64) {
		d.note(b, pos, interval)
		m, ok := b.Marker()
		aborts = aborts || ok && !m.Commit
	})
	if err == nil && aborts {
		err = p.rebuildAborted(d)
	}
	if err != nil {
		return err
	}
	d.noteTime()
	p.log.files.drop(d.owner, d.files()...)
	// This one first: one of the others that is missing has all built anew.
	if err := d.aborted.replaceAborts(p.log.fs); err != nil {
		return err
	}
	if err := d.writeIndexes(p.log.fs); err != nil {
		return err
	}
	d.wroteIndexes()
	return nil
}

// scanSegment calls f for every batch of a sealed segment, with its position.
func (l *Log) scanSegment(s *segment, f func(b batch.Batch, pos int64)) error {
	if s.size == 0 {
		return nil // it may have no file
	}
	file, err := s.open(l.files, true)
	if err != nil {
		return err
	}
	defer file.release()
	for sc := newScanner(file, 0, s.size); ; {
		b, at, err := sc.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s at position %d: %w", s.logName(), at, err)
		}
		f(b, at)
	}
}

// writeIndexes writes all indexes of a segment that takes no appends.
func (s *segment) writeIndexes(fsys vfs.FS) error {
	return errors.Join(s.offsets.write(fsys, true), s.times.write(fsys, true), s.aborted.writeAborts(fsys, true))
}

// wroteIndexes notes that it has been done.
func (s *segment) wroteIndexes() {
	s.offsets.wroteAll()
	s.times.wroteAll()
	s.aborted.wroteAll()
}

// writeAllIndexes completes the files of a segment that takes no more appends.
func (p *Partition) writeAllIndexes(s *segment) error {
	if err := p.writeAborted(s, nil); err != nil {
		return err
	}
	return p.writeIndexes(s, nil, true)
}

// writeIndexes writes what a segment's indexes by offset and time have pending to their files, but
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
