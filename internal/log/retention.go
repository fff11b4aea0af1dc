package log

import (
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// applyRetention removes the oldest segments that retention.ms or
// retention.bytes no longer keeps. The active segment is never removed; if all
// its records are too old it is sealed, and goes the next time.
func (p *Partition) applyRetention(now time.Time) error {
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	st := p.Settings()
	if !st.Delete || p.Err() != nil {
		return nil
	}
	if err := p.rollExpired(&st, now); err != nil {
		return err
	}
	list, err := p.expired(&st, now)
	if err != nil || len(list) == 0 {
		return err
	}
	return p.removeSegments(list)
}

// rollExpired seals the active segment if its last record is too old, or if it
// is older than segment.ms.
func (p *Partition) rollExpired(st *Settings, now time.Time) error {
	p.mu.Lock()
	s := p.active()
	old := st.RetentionAge >= 0 && s.maxTime >= 0 && s.maxTime < now.Add(-st.RetentionAge).UnixMilli()
	if s.size == 0 || p.mu.err != nil || !old && !p.tooOld(s, now.UnixMilli()) {
		p.mu.Unlock()
		return nil
	}
	p.roll()
	p.mu.Unlock()
	return p.flush()
}

// expired returns the segments, oldest first, that have to go.
func (p *Partition) expired(st *Settings, now time.Time) ([]*segment, error) {
	p.mu.Lock()
	sealed := p.mu.segments[:len(p.mu.segments)-1]
	var total int64
	for _, s := range p.mu.segments {
		total += s.size
	}
	p.mu.Unlock()
	oldest := now.Add(-st.RetentionAge).UnixMilli()
	n := 0
	for _, s := range sealed {
		if err := p.describe(s); err != nil {
			return nil, err
		}
		large := st.RetentionBytes >= 0 && total-s.size >= st.RetentionBytes
		old := st.RetentionAge >= 0 && p.maxTime(s) < oldest
		if !large && !old || !s.exact {
			break
		}
		total -= s.size
		n++
	}
	return sealed[:n:n], nil
}

// removeSegments removes the oldest segments, which list holds.
func (p *Partition) removeSegments(list []*segment) error {
	if err := p.ensureActiveFile(); err != nil {
		return err
	}
	p.mu.Lock()
	p.mu.segments = append([]*segment(nil), p.mu.segments[len(list):]...)
	p.logStart.Store(max(p.LogStart(), p.mu.segments[0].base))
	p.mu.touched = true
	for _, s := range list {
		s.tail.reset()
	}
	p.mu.Unlock()
	for _, s := range list {
		if err := s.removeFiles(p.log.fs, p.log.files); err != nil {
			return err
		}
		p.log.cfg.Logger.Info("removed a segment by retention", "partition", p.dir, "base", s.base, "bytes", s.size)
	}
	return p.log.fs.SyncDir(p.dir)
}

// ensureActiveFile makes the active segment's file, so that a folder without
// any segment always means that it was tampered with.
func (p *Partition) ensureActiveFile() error {
	p.mu.Lock()
	s := p.active()
	p.mu.Unlock()
	if s.onDisk {
		return nil
	}
	f, err := p.log.fs.Open(s.logName(), vfs.Create)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := p.log.fs.SyncDir(p.dir); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.onDisk = true
	return nil
}
