package log

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// maxTorn is how far beyond the last durable byte a commit that was cut off can
// have reached: what a partition takes ahead of its commits, and one append
// more. Where a bad batch has more than that behind it, something that had
// been synced was damaged.
const maxTorn = 2*unwrittenLimit + 100<<20

// recovery opens one partition's folder.
type recovery struct {
	log       *Log
	dir       string
	settings  Settings
	from      *checkpoint // nil: nothing is known, scan everything
	clean     bool        // the log was closed in order: from says it all
	opening   bool        // nobody reads the partition yet
	cutDamage bool        // go on without what is damaged
	erasing   bool        // files that are removed may have what is to be erased
	must      int64       // what lies below this offset is known to be in the segments
	journal   []journalEntry

	segments  []*segment
	first     int // of segments that was looked at; more is not known of those before
	producers *producerTable
	known     int64    // the batches below this offset are in producers already
	whole     *segment // to be scanned from its first byte on, whatever the checkpoint says
	next      int64

	// damage is corruption: what lies before it can be read. beyond are the
	// segments after it.
	damage error
	beyond []*segment
	wasCut bool // the damage, as asked

	hasSaved bool // journal begins with what an earlier start had to save
}

func (p *Partition) newRecovery() *recovery {
	r := &recovery{log: p.log, dir: p.dir, settings: p.Settings(), from: p.log.lastCheckpoint(p.id.key()), producers: newProducerTable()}
	if r.from != nil {
		r.producers, r.must, r.known = r.from.producers.below(r.from.offset), r.from.offset, r.from.offset
	}
	return r
}

// run lists the segments, scans what is not known clean, and leaves segments,
// producers and next as they are on disk; the last segment takes appends. Journal
// entries are not applied yet.
func (r *recovery) run() error {
	if err := r.list(); err != nil {
		return err
	}
	r.first = r.firstDirty()
	if err := r.checkAborted(); err != nil {
		return err
	}
	for i := r.first; ; {
		for ; i < len(r.segments) && r.damage == nil; i++ {
			if err := r.scan(i); err != nil {
				return err
			}
		}
		if r.damage == nil || !r.cutDamage {
			return nil
		}
		var err error
		if i, err = r.cut(); err != nil {
			return err
		}
	}
}

// runWithJournal is run for a partition whose journal entries are to be applied
// after it: they must go on where the segments end, or overlap with them.
func (r *recovery) runWithJournal() error {
	if err := r.run(); err != nil || r.damage != nil {
		return err
	}
	next := r.next
	for b := range batchesOf(r.journal) {
		if b.BaseOffset() <= next {
			next = max(next, b.NextOffset())
			continue
		}
		why := fmt.Errorf("%w: the segments of %s end at offset %d, the journal goes on at %d", ErrCorruption, r.dir, next, b.BaseOffset())
		if !r.cutDamage {
			r.damage = why
			return nil
		}
		r.log.cfg.Logger.Error("leaving out what the journal has behind damage, as asked; records are lost", "partition", r.dir, "error", why)
		r.journal, r.wasCut = voided(r.journal, b.BaseOffset()), true
		return nil
	}
	return nil
}

// firstDirty is the index of the first segment that has to be scanned, or the
// number of segments if one that must exist does not.
func (r *recovery) firstDirty() int {
	if r.from == nil {
		if len(r.segments) == 0 {
			r.begin(0)
		}
		return 0
	}
	active := r.from.base
	i := 0
	for i < len(r.segments) && r.segments[i].base < active {
		i++
	}
	switch {
	case i > 0 && r.segments[0].base > r.from.logStart, i == 0 && active > r.from.logStart:
		r.missing(0, r.from.logStart)
	case i < len(r.segments) && r.segments[i].base == active:
		return i
	case i < len(r.segments), r.from.pos > 0:
		r.missing(i, active)
	default: // it has no file yet; all others are sealed
		r.begin(active)
		return i
	}
	return len(r.segments)
}

// begin adds a segment that has no file yet.
func (r *recovery) begin(base int64) {
	if n := len(r.segments); n > 0 {
		r.segments[n-1].next = base
	}
	r.next = base
	r.segments = append(r.segments, newSegment(r.dir, base, &r.log.chunks))
}

// missing notes that the segment with the given base offset, the ith, is not
// there.
func (r *recovery) missing(i int, base int64) {
	r.harm(i, base, fmt.Errorf("%w: %s is missing, which held the records from offset %d on", ErrCorruption, segmentPath(r.dir, base)+logSuffix, base))
}

// harm notes damage at the offset end, behind the first i segments.
func (r *recovery) harm(i int, end int64, why error) {
	r.damage, r.next = why, end
	r.beyond = r.segments[i:]
	r.segments = r.segments[:i:i]
	if i == 0 {
		r.begin(end)
	}
	r.segments[len(r.segments)-1].next = end
}

// activate makes s the segment that takes appends.
func (r *recovery) activate(s *segment) {
	s.sealed, s.exact = false, false
}

// scan reads segment i from where the checkpoint ends, verifies every batch,
// and builds what the indexes lack. Whatever follows the last sound batch of the
// last segment is cut off.
func (r *recovery) scan(i int) error {
	s := r.segments[i]
	if !s.onDisk {
		return nil // as begin has made it
	}
	last := i == len(r.segments)-1
	pos := r.startOf(s)
	if last {
		r.activate(s)
		if r.clean && r.from != nil && pos == s.size {
			s.next = r.next
			return r.loadTail(s)
		}
	}
	until, size := s.next, s.size
	end, bad, err := r.scanFrom(s, pos)
	if err != nil {
		return err
	}
	s.size, s.flushed, s.written, s.next = end, end, end, r.next
	if last {
		err = r.judgeLast(size-end, bad)
	} else {
		err = r.judge(until, bad)
	}
	if err != nil {
		r.harm(i+1, r.next, fmt.Errorf("%s at position %d, offset %d: %w", s.logName(), end, r.next, err))
		return nil
	}
	return r.settle(s, last, size, bad)
}

// startOf returns from where s has to be scanned: what the checkpoint covers is
// taken over from it, if the indexes have it too. Those of a young segment have
// not been written.
func (r *recovery) startOf(s *segment) int64 {
	if r.from != nil && !r.wasCut && s != r.whole && r.from.base == s.base && r.from.pos <= s.size && r.from.offsetEntries > 0 {
		s.offsets.stored, s.times.stored = r.from.offsetEntries, r.from.timeEntries
		s.maxTime, s.maxTimeOffset, s.created = r.from.maxTime, r.from.maxTimeOffset, r.from.created
		s.indexedTime = r.from.indexedTime
		err := r.checkIndexes(s)
		if err == nil {
			r.next = r.from.offset
			return r.from.pos
		}
		r.log.cfg.Logger.Warn("an index is missing or torn; it is built anew from its segment", "segment", s.path, "error", err)
	}
	s.offsets.stored, s.times.stored, s.indexedTime = 0, 0, math.MinInt64
	s.offsets.pending, s.times.pending = nil, nil
	s.aborted.stored = max(0, s.aborted.stored) // of the checkpoint's segment some may be known
	s.maxTime, s.maxTimeOffset, s.created = -1, -1, r.log.cfg.Now().UnixMilli()
	r.next = s.base
	return 0
}

// checkIndexes verifies the indexes of the active segment s: every entry, or
// after a clean stop, when they were synced, that nobody has cut them since.
func (r *recovery) checkIndexes(s *segment) error {
	if r.clean {
		return errors.Join(s.offsets.checkSize(r.log.fs), s.times.checkSize(r.log.fs))
	}
	return s.checkIndexes(r.log.files, r.from.offset, r.from.pos)
}

// scanFrom verifies the batches of s from pos and returns where the sound ones
// end, and what was wrong there.
func (r *recovery) scanFrom(s *segment, pos int64) (end int64, bad, err error) {
	f, err := s.open(r.log.files, true)
	if err != nil {
		return 0, nil, err
	}
	defer f.release()
	sc := newScanner(f, pos, s.size)
	for {
		b, at, err := sc.next()
		if err == nil {
			err = r.check(b)
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
		r.note(s, b)
		r.next = s.next
	}
}

func (r *recovery) check(b batch.Batch) error {
	if err := b.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrCorruption, err)
	}
	if b.BaseOffset() < r.next {
		return fmt.Errorf("%w: offset %d where at least %d was expected", ErrCorruption, b.BaseOffset(), r.next)
	}
	return nil
}

// judge tells what is wrong with a sealed segment, which reached up to the
// offset until.
func (r *recovery) judge(until int64, bad error) error {
	if bad == nil && r.next != until {
		return fmt.Errorf("%w: the segment ends here, the next one begins at offset %d", ErrCorruption, until)
	}
	return bad
}

// judgeLast tells whether the end of the active segment, behind which there are
// rest bytes, is damage to what had been synced, or just the end of a write that
// was cut off.
func (r *recovery) judgeLast(rest int64, bad error) error {
	if bad == nil {
		bad = fmt.Errorf("%w: the file ends here", ErrCorruption)
	}
	switch {
	case r.wasCut:
		return nil
	case r.next < r.must:
		return fmt.Errorf("%w; what lies below offset %d had been synced", bad, r.must)
	case rest == 0, slices.ContainsFunc(r.journal, func(e journalEntry) bool { return e.holds(r.next) }):
		return nil
	case slices.ContainsFunc(r.journal, func(e journalEntry) bool { return e.base > r.next }):
		return fmt.Errorf("%w; the journal has later records", bad)
	case r.clean && r.from == nil, rest > maxTorn:
		return fmt.Errorf("%w; %d bytes follow, more than a write that was cut off can have left", bad, rest)
	}
	return nil
}

// settle cuts s to its sound batches and makes them durable: after a crash of
// the process alone they may still be on their way to the disk.
func (r *recovery) settle(s *segment, last bool, size int64, bad error) error {
	f, err := s.open(r.log.files, true)
	if err != nil {
		return err
	}
	defer f.release()
	if s.size < size {
		if !r.wasCut && !r.padding(f, s.size, size) {
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
	if err := errors.Join(s.offsets.cut(r.log.fs), s.times.cut(r.log.fs), s.aborted.cut(r.log.fs)); err != nil {
		return err
	}
	if !last {
		s.noteTime()
		if err := s.writeIndexes(r.log.fs); err != nil {
			return err
		}
		s.wroteIndexes()
	}
	if err := r.log.fs.SyncDir(r.dir); err != nil || !last {
		return err
	}
	return r.loadTail(s)
}

// cut removes what is damaged and everything behind it, and returns the first
// segment to scan once more.
func (r *recovery) cut() (int, error) {
	r.log.cfg.Logger.Error("cutting a damaged partition as asked; records are lost", "partition", r.dir, "from", r.next, "error", r.damage)
	if err := removeNewestFirst(r.log, r.dir, r.beyond); err != nil {
		return 0, err
	}
	r.damage, r.beyond, r.journal, r.wasCut = nil, nil, nil, true
	last := len(r.segments) - 1
	if r.next < r.known || r.segments[last].aborted.stored == unknownEntries {
		return last, r.startOver(last)
	}
	r.producers, r.known = r.producers.below(r.next), r.next
	return last, nil
}

// removeNewestFirst removes segments that are the last ones of a partition, so
// that whenever it is cut short what remains has no gap.
func removeNewestFirst(l *Log, dir string, list []*segment) error {
	for _, s := range slices.Backward(list) {
		if err := s.remove(l.files); err != nil {
			return err
		}
		if err := l.fs.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
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
	f, err := s.open(r.log.files, false)
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
