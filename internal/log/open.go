package log

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// open recovers the partition from its folder and from the journal.
func (p *Partition) open() error {
	if err := p.checkFolder(); err != nil {
		return err
	}
	r := &recovery{log: p.log, id: p.id, dir: p.dir, settings: p.mu.settings, from: p.log.lastCheckpoint(p.id.key()), clean: p.log.clean}
	if p.log.recovered != nil {
		r.journal = p.log.recovered.entries[p.id.key()]
	}
	if err := r.run(); err != nil {
		return err
	}
	p.adopt(r)
	if r.damage != nil {
		p.log.cfg.Logger.Error("partition is damaged: it can be read up to there, and takes no appends until it is restored from a backup, "+
			"or cut at the damage by starting once with truncation of damaged partitions allowed", "partition", p.dir, "error", r.damage)
		return nil
	}
	return p.replay(r.journal)
}

// adopt takes over what a recovery found.
func (p *Partition) adopt(r *recovery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.segments, p.mu.producers = r.segments, r.producers
	s := p.active()
	p.mu.commit.end = place{s, s.size, s.next}
	p.mu.commit.reset = true
	p.mu.flushed = s.mark()
	p.mu.touched = !p.log.clean
	if r.from != nil {
		p.mu.cleaned = r.from.cleaned
	}
	p.logStart.Store(p.mu.segments[0].base)
	if r.from != nil && r.from.logStart > p.LogStart() {
		p.logStart.Store(r.from.logStart)
	}
	p.logEnd.Store(s.next)
	p.highWatermark.Store(s.next)
	if r.damage != nil {
		p.mu.err = fmt.Errorf("%w: %w", ErrStorage, r.damage)
	}
}

// replay appends what the journal has beyond the segments. The bytes stay in
// the journal files that they were read from until a flush has brought them
// into the segments (see Log.Start).
func (p *Partition) replay(entries []journalEntry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range entries {
		if err := p.replayEntry(e); err != nil {
			return err
		}
		if p.mu.err != nil {
			return nil
		}
	}
	s, c := p.active(), &p.mu.commit
	if s.next == p.HighWatermark() {
		return nil
	}
	c.end, c.journal = place{s, s.size, s.next}, p.log.recovered.floor
	c.unwritten, c.unsynced = 0, 0
	p.highWatermark.Store(s.next)
	return nil
}

// replayEntry appends the batches of e that the partition does not have. The
// lock is held.
func (p *Partition) replayEntry(e journalEntry) error {
	for rest := e.data; len(rest) > 0; {
		b, more, err := batch.Next(rest)
		if err == nil {
			err = b.Check()
		}
		if err != nil {
			return fmt.Errorf("%w: journal entry at offset %d: %w", ErrCorruption, e.base, err)
		}
		rest = more
		switch {
		case b.BaseOffset() == p.LogEnd():
			p.appendBatch(b, p.now())
			p.logEnd.Store(b.NextOffset())
		case b.BaseOffset() > p.LogEnd():
			p.mu.err = fmt.Errorf("%w: %w: the segments end at offset %d, the journal goes on at %d", ErrStorage, ErrCorruption, p.LogEnd(), b.BaseOffset())
			p.log.cfg.Logger.Error("partition is damaged: acknowledged records are missing", "partition", p.dir, "error", p.mu.err)
			return nil
		}
	}
	return nil
}

// partitionMetadata is the file, as Kafka writes it, that names the topic id a
// folder belongs to.
const partitionMetadata = "partition.metadata"

func (p *Partition) metadata() string {
	return fmt.Sprintf("version: 0\ntopic_id: %s\n", base64.RawURLEncoding.EncodeToString(p.id.TopicID[:]))
}

// checkFolder removes the folder of an earlier topic of the same name.
func (p *Partition) checkFolder() error {
	if c := p.log.lastCheckpoint(p.id.key()); p.log.clean && c != nil && c.pos > 0 {
		return nil // the folder was this partition's when it was closed
	}
	b, err := readFile(p.log.fs, filepath.Join(p.dir, partitionMetadata))
	if errors.Is(err, fs.ErrNotExist) || err == nil && (len(bytes.Trim(b, "\x00")) == 0 || string(b) == p.metadata()) {
		return nil
	}
	if err != nil {
		return err
	}
	p.log.cfg.Logger.Warn("removing the folder of an earlier topic of the same name", "folder", p.dir,
		"metadata", strings.TrimSpace(string(b)))
	return p.log.removeFolder(p.dir)
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
	f, err := p.log.fs.Open(name, vfs.Create)
	if err != nil {
		return err
	}
	// It need not be durable: a crash that leaves it empty does no harm.
	_, err = f.WriteAt([]byte(p.metadata()), 0)
	return errors.Join(err, f.Close())
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

// close flushes the partition, cuts the active segment's file to its exact size
// and makes its indexes durable.
func (p *Partition) close() error {
	err := p.Err()
	if err == nil {
		err = p.flush()
	}
	p.shut(fmt.Errorf("%w: %s-%d", ErrClosed, p.id.Topic, p.id.Partition))
	defer p.forgetTails()
	if errors.Is(err, ErrCorruption) {
		return nil // it was reported, and nothing has changed
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
	f, err := p.log.files.open(s.logName(), true)
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
	if err := p.writeIndexes(s, true); err != nil {
		return err
	}
	p.mu.Lock()
	p.mu.flushed = s.mark()
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

// forgetFiles closes the partition's files, which are about to be removed.
func (p *Partition) forgetFiles() {
	p.mu.Lock()
	list := append([]*segment(nil), p.mu.segments...)
	p.mu.Unlock()
	for _, s := range list {
		for _, name := range s.files() {
			p.log.files.drop(name)
		}
	}
	p.forgetTails()
}
