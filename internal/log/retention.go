package log

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// shrinks is how many log starts are raised at the same time, which may take a
// flush each.
const shrinks = 8

// applyRetention removes the oldest segments of all partitions that retention.ms
// or retention.bytes no longer keeps. The active segment is never removed; if all
// its records are too old it is sealed, and another takes its place.
func (l *Log) applyRetention(list []*Partition, now time.Time) error {
	failed := l.shrink(list, func(p *Partition) (bool, error) { return p.advanceStart(now) })
	return errors.Join(slices.Collect(maps.Values(failed))...)
}

// shrink calls raise for each partition, with its maintenance lock held, to raise
// its log start, and removes the segments that lie below where raise says so. The
// checkpoint that tells the new log starts comes first, once for all, so that
// recovery knows what is gone from what is missing. It returns what failed.
func (l *Log) shrink(list []*Partition, raise func(*Partition) (bool, error)) map[*Partition]error {
	l.shrinking.Lock()
	defer l.shrinking.Unlock()
	ok, errs := make([]bool, len(list)), make([]error, len(list))
	inParallel(len(list), shrinks, func(i int) {
		list[i].maintenance.Lock()
		if ok[i], errs[i] = raise(list[i]); !ok[i] {
			list[i].maintenance.Unlock()
		}
	})
	failed := make(map[*Partition]error)
	var raised []*Partition
	for i, p := range list {
		if errs[i] != nil {
			failed[p] = errs[i]
		}
		if ok[i] {
			raised = append(raised, p)
			defer p.maintenance.Unlock()
		}
	}
	if len(raised) == 0 {
		return failed
	}
	err := l.writeCheckpoints()
	for _, p := range raised {
		if err := cmp.Or(err, p.startIsSaved()); err != nil {
			failed[p] = errors.Join(failed[p], err)
			continue
		}
		if err := p.removeBelowStart(); err != nil {
			l.cfg.Logger.Error("cannot remove the segments below the log start; the next start does", "partition", p.dir, "error", err)
		}
	}
	return failed
}

// startIsSaved is an error unless the checkpoint file has the log start: it has
// not if the partition stopped meanwhile.
func (p *Partition) startIsSaved() error {
	if c := p.log.lastCheckpoint(p.id.key()); c != nil && c.logStart >= p.LogStart() {
		return nil
	}
	if err := p.Err(); err != nil {
		return err
	}
	return fmt.Errorf("%w: the log start %d of %s is not saved yet", ErrStorage, p.LogStart(), p.dir)
}

// advanceStart raises the log start over what is not to be kept any longer, and
// returns whether there is anything. The maintenance lock is held.
func (p *Partition) advanceStart(now time.Time) (bool, error) {
	st := p.Settings()
	if !st.Delete || p.Err() != nil {
		return false, nil
	}
	if err := p.rollExpired(&st, now); err != nil {
		return false, err
	}
	n, err := p.expired(&st, now)
	if n == 0 {
		return false, err
	}
	if err := p.ensureFile(n); err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logStart.Store(max(p.LogStart(), p.mu.segments[n].base))
	p.mu.touched = true
	p.notify()
	return true, err
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

// expired is the number of segments, from the oldest on, that have to go. If one
// cannot be looked at, those before it go all the same.
func (p *Partition) expired(st *Settings, now time.Time) (int, error) {
	p.mu.Lock()
	list, hold := p.mu.segments, p.hold()
	n := 0
	for n < len(list)-1 && list[n].exact && list[n].next <= hold {
		n++
	}
	list = list[:n:n]
	p.mu.Unlock()
	total := p.Size()
	oldest := now.Add(-st.RetentionAge).UnixMilli()
	for i, s := range list {
		if st.RetentionBytes < 0 || total-s.size < st.RetentionBytes {
			old, err := p.olderThan(s, oldest)
			if !old || err != nil || st.RetentionAge < 0 {
				return i, err
			}
		}
		total -= s.size
	}
	return n, nil
}

// olderThan tells whether all records of s are from before the time oldest. A
// segment whose records have no timestamps is as old as its file, as in Kafka.
func (p *Partition) olderThan(s *segment, oldest int64) (bool, error) {
	if err := p.describe(s); err != nil {
		return false, err
	}
	t := p.maxTime(s)
	if t < 0 && s.size > 0 {
		info, err := p.log.fs.Stat(s.logName())
		if err != nil {
			return false, err
		}
		t = info.ModTime().UnixMilli()
	}
	return t < oldest, nil
}

// ensureFile makes sure that the segment n, which becomes the first, has a file:
// so that a folder without any always means that one was lost.
func (p *Partition) ensureFile(n int) error {
	p.mu.Lock()
	s := p.mu.segments[n]
	exists := s.onDisk
	p.mu.Unlock()
	if exists {
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

// removeBelowStart removes the segments below the log start. The checkpoint file
// has that, and the maintenance lock is held.
func (p *Partition) removeBelowStart() error {
	p.indexing.Lock()
	defer p.indexing.Unlock()
	n := p.below(p.LogStart())
	p.mu.Lock()
	list := p.mu.segments[:n:n]
	p.mu.segments = append([]*segment(nil), p.mu.segments[n:]...)
	for _, s := range list {
		p.retire(s)
	}
	p.mu.Unlock()
	erasing, announced := p.wishes()
	for _, s := range list {
		if erasing != nil || len(announced) > 0 { // it may have what is to be erased, which is overwritten then
			if err := p.bury(s); err != nil {
				return err
			}
		}
		if err := s.remove(p.log.files); err != nil {
			return err
		}
		p.log.cfg.Logger.Info("removed a segment below the log start", "partition", p.dir, "base", s.base, "bytes", s.size)
	}
	if n == 0 {
		return nil
	}
	return p.log.fs.SyncDir(p.dir)
}
