package log

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// list finds the segments of the folder, completes or undoes what a compaction
// left, and removes what retention had not come to (docs/format/log.md).
func (r *recovery) list() error {
	entries, err := r.log.fs.ReadDir(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if entries, err = r.settleCompaction(entries); err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == savedName {
			err = r.readSaved()
		} else {
			err = r.take(e)
		}
		if err != nil {
			return err
		}
	}
	slices.SortFunc(r.segments, func(a, b *segment) int { return cmp.Compare(a.base, b.base) })
	for i := range len(r.segments) - 1 {
		r.segments[i].next = r.segments[i+1].base
	}
	return r.removeExpired()
}

// take adds a file of the folder to the segments, if it is one.
func (r *recovery) take(e fs.DirEntry) error {
	base, ok := segmentBase(e.Name())
	if !ok {
		return nil
	}
	info, err := e.Info()
	if err != nil {
		return err
	}
	s := newSegment(r.dir, base, &r.log.chunks)
	s.size, s.flushed, s.written = info.Size(), info.Size(), info.Size()
	s.onDisk, s.sealed, s.exact = true, true, true
	s.offsets.stored, s.times.stored, s.aborted.stored = unknownEntries, unknownEntries, unknownEntries
	s.maxTime, s.maxTimeOffset = unknownTime, -1
	r.segments = append(r.segments, s)
	return nil
}

// removeExpired removes the segments that lie below the log start as a whole. Not
// that of the mark, where recovery begins: what is there may end at the log start,
// after a truncation.
func (r *recovery) removeExpired() error {
	n := 0
	for r.from != nil && n+1 < len(r.segments) && r.segments[n].next <= r.from.logStart && r.segments[n].base < r.from.base {
		if r.erasing {
			if err := buryFile(r.log.fs, r.segments[n].logName()); err != nil {
				return err
			}
		}
		if err := r.segments[n].remove(r.log.files); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return nil
	}
	r.segments = r.segments[n:]
	return r.log.fs.SyncDir(r.dir)
}

// settleCompaction removes what an unfinished compaction wrote, and finishes
// one that had begun to put its segments in place. It returns the names that
// remain.
func (r *recovery) settleCompaction(entries []fs.DirEntry) ([]fs.DirEntry, error) {
	changed := false
	r.erasing = slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == erasingName })
	for _, e := range entries {
		name := filepath.Join(r.dir, e.Name())
		switch {
		case strings.HasSuffix(name, cleanedSuffix), strings.HasSuffix(name, tmpSuffix):
			changed = true
			if err := removeWiped(r.log.fs, name); err != nil {
				return nil, err
			}
		case strings.HasSuffix(name, swapSuffix):
			changed = true
			if r.erasing {
				if err := buryRange(r.log.fs, r.dir, e.Name()); err != nil {
					return nil, err
				}
			}
			if err := finishSwap(r.log.fs, r.dir, e.Name(), nil); err != nil {
				return nil, err
			}
		}
	}
	if changed {
		if err := r.log.fs.SyncDir(r.dir); err != nil {
			return nil, err
		}
		var err error
		if entries, err = r.log.fs.ReadDir(r.dir); err != nil {
			return nil, err
		}
	}
	if !r.opening {
		return entries, nil // somebody may read what is buried
	}
	return entries, wipeBuried(r.log.fs, r.dir, entries)
}
