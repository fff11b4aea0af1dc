package log

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evidentlog/evident/internal/vfs"
)

// maxTorn is how far beyond the last durable byte a commit that was cut off can
// have reached: what a partition takes ahead of its commits, and one append
// more. Where a bad batch has more than that behind it, something that had
// been synced was damaged.
const maxTorn = 2*unwrittenLimit + 100<<20

// recovery opens one partition's folder.
type recovery struct {
	log      *Log
	id       ID
	dir      string
	settings Settings
	from     *checkpoint // nil: nothing is known, scan everything
	clean    bool        // the log was closed in order: from says it all
	journal  []journalEntry

	segments  []*segment
	producers producerTable
	next      int64
	damage    error // corruption: what lies before it can be read
}

// run lists the segments, scans what is not known clean, and leaves segments,
// producers and next as they are on disk. Journal entries are not applied yet.
func (r *recovery) run() error {
	r.producers = make(producerTable)
	if r.from != nil {
		r.producers = r.from.producers.below(r.from.offset)
		r.next = r.from.offset
	}
	if err := r.list(); err != nil {
		return err
	}
	if len(r.segments) == 0 {
		return r.begin()
	}
	first := r.firstDirty()
	if first == len(r.segments) {
		return r.trust()
	}
	for i := first; i < len(r.segments); i++ {
		if err := r.scan(i); err != nil {
			return err
		}
		if r.damage != nil {
			r.segments = r.segments[:i+1]
			break
		}
	}
	return nil
}

// list finds the segments of the folder and completes or undoes what a
// compaction left (docs/format/log.md).
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
		base, ok := segmentBase(e.Name())
		if !ok {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		s := newSegment(r.dir, base, &r.log.chunks)
		s.size, s.flushed, s.written = info.Size(), info.Size(), info.Size()
		s.onDisk, s.sealed, s.exact = true, true, true
		s.offsets.stored, s.times.stored = unknownEntries, unknownEntries
		s.maxTime, s.maxTimeOffset = unknownTime, -1
		r.segments = append(r.segments, s)
	}
	slices.SortFunc(r.segments, func(a, b *segment) int { return int(a.base - b.base) })
	for i := range len(r.segments) - 1 {
		r.segments[i].next = r.segments[i+1].base
	}
	return nil
}

// begin makes the first segment of a folder that has none. If the checkpoint
// knows of records, the folder has been lost.
func (r *recovery) begin() error {
	if r.from != nil && r.from.pos > 0 {
		return fmt.Errorf("%w: %s held records up to offset %d and has no segment now: restore it from a backup, or delete the topic", ErrCorruption, r.dir, r.from.offset-1)
	}
	r.segments = []*segment{newSegment(r.dir, r.next, &r.log.chunks)}
	return nil
}

// firstDirty is the index of the first segment that has to be scanned, or the
// number of segments if the files are as the checkpoint left them.
func (r *recovery) firstDirty() int {
	if r.from == nil {
		r.next = r.segments[0].base
		return 0
	}
	last := len(r.segments) - 1
	i := slices.IndexFunc(r.segments, func(s *segment) bool { return s.base >= r.from.base })
	if i < 0 {
		// The active segment had no file yet: all that there is was sealed.
		if r.from.pos == 0 {
			r.segments = append(r.segments, newSegment(r.dir, r.from.base, &r.log.chunks))
			return len(r.segments)
		}
		r.damage = fmt.Errorf("%w: %s is missing; restore it from a backup", ErrCorruption, segmentPath(r.dir, r.from.base)+logSuffix)
		return len(r.segments)
	}
	if r.segments[i].base > r.from.base {
		r.next = r.segments[i].base
	}
	if r.clean && i == last && r.segments[i].base == r.from.base && r.segments[i].size == r.from.pos {
		return len(r.segments)
	}
	return i
}

// trust takes the active segment as the checkpoint describes it.
func (r *recovery) trust() error {
	s := r.segments[len(r.segments)-1]
	if r.damage != nil || !s.onDisk {
		return nil
	}
	if !r.resume(s) {
		return r.scan(len(r.segments) - 1)
	}
	r.activate(s)
	return r.loadTail(s)
}

// activate makes s the segment that takes appends.
func (r *recovery) activate(s *segment) {
	s.sealed, s.exact = false, false
	s.next = r.next
}

// resume takes over what the checkpoint knows of s, if the indexes have it too.
func (r *recovery) resume(s *segment) bool {
	if r.from == nil || r.from.base != s.base {
		return false
	}
	s.offsets.stored, s.times.stored = r.from.offsetEntries, r.from.timeEntries
	s.maxTime, s.maxTimeOffset, s.created = r.from.maxTime, r.from.maxTimeOffset, r.from.created
	if err := s.checkIndexes(r.log.files, r.from.offset, r.from.pos); err != nil {
		r.log.cfg.Logger.Warn("an index is missing or torn; it is built anew from its segment", "segment", s.path, "error", err)
		return false
	}
	return true
}

// scan reads segment i from where the checkpoint ends, verifies every batch,
// and builds what the indexes lack. Whatever follows the last sound batch of the
// last segment is cut off.
func (r *recovery) scan(i int) error {
	s := r.segments[i]
	last := i == len(r.segments)-1
	pos := int64(0)
	if r.resume(s) {
		pos = r.from.pos
	} else {
		s.offsets.stored, s.times.stored = 0, 0
		s.maxTime, s.maxTimeOffset, s.created = -1, -1, r.log.cfg.Now().UnixMilli()
	}
	if pos > s.size {
		r.damage = fmt.Errorf("%w: %s has %d bytes, %d were synced", ErrCorruption, s.logName(), s.size, pos)
		return nil
	}
	if pos == 0 {
		r.next = s.base
	}
	end, bad, err := r.scanFrom(s, pos)
	if err != nil {
		return err
	}
	size := s.size
	s.size, s.flushed, s.written = end, end, end
	if last {
		r.activate(s)
	}
	if bad != nil && r.isDamage(s, last, end, size, bad) {
		return nil
	}
	return r.settle(s, last, size, bad)
}

// scanFrom verifies the batches of s from pos and returns where the sound ones
// end, and what was wrong there.
func (r *recovery) scanFrom(s *segment, pos int64) (end int64, bad, err error) {
	f, err := r.log.files.open(s.logName(), true)
	if err != nil {
		return 0, nil, err
	}
	defer f.release()
	sc := newScanner(f, pos, s.size)
	for {
		b, at, err := sc.next()
		if err == nil {
			err = b.Check()
			if err == nil && b.BaseOffset() < r.next {
				err = fmt.Errorf("offset %d where at least %d was expected", b.BaseOffset(), r.next)
			}
			if err != nil {
				err = fmt.Errorf("%w: %w", ErrCorruption, err)
			}
		}
		switch {
		case err == io.EOF:
			return at, nil, nil
		case errors.Is(err, ErrCorruption):
			return at, err, nil
		case err != nil:
			return 0, nil, fmt.Errorf("reading %s at position %d: %w", s.logName(), at, err)
		}
		s.note(b, at, r.settings.IndexIntervalBytes)
		r.producers.add(b, b.MaxTimestamp())
		r.next = s.next
	}
}

// isDamage tells whether a bad batch is damage to what had been synced, rather
// than the end of a write that was cut off.
func (r *recovery) isDamage(s *segment, last bool, end, size int64, bad error) bool {
	known := r.from != nil && r.next < r.from.offset
	journalled := slices.ContainsFunc(r.journal, func(e journalEntry) bool { return e.base > r.next })
	replayed := slices.ContainsFunc(r.journal, func(e journalEntry) bool { return e.holds(r.next) })
	switch {
	case !last, known, journalled && !replayed, size-end > maxTorn && !replayed:
		r.damage = fmt.Errorf("%s at position %d, offset %d: %w", s.logName(), end, r.next, bad)
	}
	if r.damage != nil && r.log.cfg.TruncateDamaged {
		r.log.cfg.Logger.Error("cutting a damaged partition as asked; records are lost", "partition", r.dir, "error", r.damage)
		r.damage = nil
		r.segments = r.segments[:slices.Index(r.segments, s)+1]
		r.activate(s)
	}
	return r.damage != nil
}

// settle cuts s to its sound batches and makes them durable: after a crash of
// the process alone they may still be on their way to the disk.
func (r *recovery) settle(s *segment, last bool, size int64, bad error) error {
	f, err := r.log.files.open(s.logName(), true)
	if err != nil {
		return err
	}
	defer f.release()
	if s.size < size {
		if bad != nil && !r.padding(f, s.size, size) {
			r.log.cfg.Logger.Warn("cut the torn end of a segment; nothing in it had been acknowledged",
				"segment", s.logName(), "position", s.size, "bytes", size-s.size, "reason", bad)
		}
		if err := f.Truncate(s.size); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := r.log.fs.SyncDir(r.dir); err != nil {
		return err
	}
	if last {
		return r.loadTail(s)
	}
	s.noteTime()
	return errors.Join(s.offsets.write(r.log.fs, true), s.times.write(r.log.fs, true))
}

// padding tells whether the bytes [from, to) are the zeros that fill an active
// segment's last block.
func (r *recovery) padding(f io.ReaderAt, from, to int64) bool {
	if to-from >= vfs.BlockSize {
		return false
	}
	buf := vfs.AlignedBuffer(2 * vfs.BlockSize)
	start := blockFloor(from)
	n, err := f.ReadAt(buf, start)
	if err != nil && !errors.Is(err, io.EOF) || start+int64(n) < to {
		return false
	}
	return len(bytes.Trim(buf[from-start:to-start], "\x00")) == 0
}

// loadTail reads the last, incomplete block of s, which the next commit
// completes.
func (r *recovery) loadTail(s *segment) error {
	start := blockFloor(s.size)
	if start == s.size {
		return nil
	}
	f, err := r.log.files.open(s.logName(), false)
	if err != nil {
		return err
	}
	defer f.release()
	c := r.log.chunks.get(minChunk, start)
	if _, err := f.ReadAt(c.buf[:s.size-start], start); err != nil {
		c.release()
		return fmt.Errorf("reading %s at position %d: %w", s.logName(), start, err)
	}
	c.n = int(s.size - start)
	s.tail.chunks = append(s.tail.chunks, c)
	return nil
}

// settleCompaction removes what an unfinished compaction wrote, and finishes
// one that had begun to put its segments in place. It returns the names that
// remain.
func (r *recovery) settleCompaction(entries []fs.DirEntry) ([]fs.DirEntry, error) {
	changed := false
	for _, e := range entries {
		name := filepath.Join(r.dir, e.Name())
		switch {
		case strings.HasSuffix(name, cleanedSuffix), strings.HasSuffix(name, ".tmp"):
			changed = true
			if err := r.log.fs.Remove(name); err != nil {
				return nil, err
			}
		case strings.HasSuffix(name, swapSuffix):
			changed = true
			if err := finishSwap(r.log.fs, r.dir, e.Name()); err != nil {
				return nil, err
			}
		}
	}
	if !changed {
		return entries, nil
	}
	if err := r.log.fs.SyncDir(r.dir); err != nil {
		return nil, err
	}
	return r.log.fs.ReadDir(r.dir)
}
