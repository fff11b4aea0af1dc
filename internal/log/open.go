package log

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// open recovers the partition from its folder and from the journal.
func (p *Partition) open() error {
	if err := p.checkFolder(); err != nil {
		return err
	}
	if err := p.readErasing(); err != nil {
		return err
	}
	r := p.newRecovery()
	r.opening = true
	r.clean, r.cutDamage = p.log.clean, p.log.cfg.TruncateDamaged
	r.journal = p.journalled()
	if err := r.runWithJournal(); err != nil {
		return err
	}
	p.adopt(r)
	if r.damage != nil {
		p.log.cfg.Logger.Error("partition is damaged: it can be read up to there, and takes no appends until it is restored from a backup, "+
			"or cut at the damage by starting once with truncation of damaged partitions allowed", "partition", p.dir, "error", r.damage)
		return p.save(r.journal)
	}
	p.replay(r.journal)
	if err := p.clipErasure(p.LogEnd()); err != nil { // before anything is appended
		return err
	}
	if r.hasSaved {
		if err := p.dropSaved(); err != nil {
			return err
		}
	}
	if r.wasCut {
		return p.voidJournal(p.LogEnd())
	}
	return nil
}

// journalled are the partition's entries in the journal as it was left. There
// are none once the log has been started.
func (p *Partition) journalled() []journalEntry {
	if p.log.recovered == nil {
		return nil
	}
	list := p.log.recovered.entries[p.id.key()]
	for b := range batchesOf(list) {
		p.mu.commit.journalled = b.NextOffset()
	}
	return list
}

// adopt takes over what a recovery found.
func (p *Partition) adopt(r *recovery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.segments = r.segments
	s := p.active()
	p.highWatermark.Store(s.next)
	p.setProducers(r.producers)
	p.mu.commit.end = s.end()
	p.setFlushed(s.mark())
	p.mu.touched = !p.log.clean || r.wasCut
	if r.from != nil {
		p.mu.cleaned = r.from.cleaned
	}
	p.logStart.Store(p.mu.segments[0].base)
	if r.from != nil {
		p.logStart.Store(min(max(r.from.logStart, p.LogStart()), s.next))
	}
	p.logEnd.Store(s.next)
	if r.damage != nil {
		p.mu.err, p.mu.damaged = fmt.Errorf("%w: %w", ErrStorage, r.damage), true
	}
}

// replay appends what the journal has beyond the segments. The bytes stay in
// the journal files that they were read from until a flush has brought them
// into the segments (see Log.Start).
func (p *Partition) replay(entries []journalEntry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for b := range batchesOf(entries) {
		if b.BaseOffset() == p.LogEnd() {
			p.appendBatch(b, p.now())
			p.logEnd.Store(b.NextOffset())
		}
	}
	s, c := p.active(), &p.mu.commit
	if s.next == p.HighWatermark() {
		return
	}
	c.end = s.end()
	if p.log.recovered != nil {
		c.journal = p.log.recovered.floor
	}
	c.unwritten, c.unsynced = 0, 0
	p.raiseWatermark(s.next)
}

// partitionMetadata is the file, as Kafka writes it, that names the topic id a
// folder belongs to.
const partitionMetadata = "partition.metadata"

const metadataFormat = "version: 0\ntopic_id: %s\n"

func (p *Partition) metadata() string {
	return fmt.Sprintf(metadataFormat, base64.RawURLEncoding.EncodeToString(p.id.TopicID[:]))
}

// checkFolder moves aside the folder of an earlier topic of the same name.
func (p *Partition) checkFolder() error {
	if c := p.log.lastCheckpoint(p.id.key()); p.log.clean && c != nil && c.pos > 0 {
		return nil // the folder was this partition's when it was closed
	}
	b, err := readFile(p.log.fs, filepath.Join(p.dir, partitionMetadata))
	if errors.Is(err, fs.ErrNotExist) || err == nil && string(b) == p.metadata() {
		return nil
	}
	if err != nil {
		return err
	}
	var id string
	if _, err := fmt.Sscanf(string(b), metadataFormat, &id); err != nil || len(id) != base64.RawURLEncoding.EncodedLen(16) {
		return fmt.Errorf("%w: %s does not tell which topic the folder belongs to: if it is this one's, write %q into it; if not, move the folder away",
			ErrCorruption, filepath.Join(p.dir, partitionMetadata), p.metadata())
	}
	return p.log.setAside(filepath.Base(p.dir)) // an earlier topic's of the same name
}

// makeFolder makes the partition's folder, if there is none, with the file that
// tells whose it is.
func (p *Partition) makeFolder() error {
	name := filepath.Join(p.dir, partitionMetadata)
	if _, err := p.log.fs.Stat(name); err == nil {
		return nil
	}
	if err := p.log.fs.MkdirAll(p.dir); err != nil {
		return err
	}
	// It is durable before there is a segment, or that could pass for one of a
	// later topic of the same name.
	return replaceFile(p.log.fs, name, []byte(p.metadata()))
}

// shut ends service for good: appends fail with why from now on. It returns
// when no commit is under way any more.
func (p *Partition) shut(why error) {
	p.mu.Lock()
	p.mu.err, p.mu.closed = why, true
	done := p.abandon()
	p.room.Broadcast()
	for p.mu.commit.running {
		p.room.Wait()
	}
	if t := p.mu.commit.timer; t != nil {
		t.Stop()
	}
	p.mu.Unlock()
	call(done, why)
}

// close takes no more appends, flushes the partition, cuts the active segment's
// file to its exact size and makes its indexes durable.
func (p *Partition) close() error {
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	why := fmt.Errorf("%w: %s-%d", ErrClosed, p.id.Topic, p.id.Partition)
	err := p.drain(why)
	p.shut(why)
	defer p.forgetTails()
	if errors.Is(err, ErrDeleted) || errors.Is(err, ErrCorruption) {
		return nil // the folder is gone; or it was reported, and nothing has changed
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	s, touched := p.active(), p.mu.touched
	p.mu.Unlock()
	if !s.onDisk || !touched {
		return nil
	}
	return p.trim(s)
}

// trim makes the active segment's files exact and durable.
func (p *Partition) trim(s *segment) error {
	f, err := s.open(p.log.files, true)
	if err != nil {
		return err
	}
	defer f.release()
	if err := f.Truncate(s.size); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := p.writeAllIndexes(s); err != nil {
		return err
	}
	p.mu.Lock()
	p.setFlushed(s.mark())
	p.mu.Unlock()
	return p.syncDirs(false)
}

// forgetTails gives the memory back.
func (p *Partition) forgetTails() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.mu.segments {
		s.tail.reset()
	}
}

// forgetFiles closes the partition's files, which are about to be removed. Those
// who still read have the tails.
func (p *Partition) forgetFiles() {
	p.indexing.Lock()
	defer p.indexing.Unlock()
	p.mu.Lock()
	for _, s := range p.mu.segments {
		p.retire(s)
	}
	p.mu.Unlock()
}
