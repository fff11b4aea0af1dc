package log

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// keyLimit bounds the keys that one compaction looks at. What does not fit
// waits for the next one.
const keyLimit = 1 << 21

// keyHash stands for a key in a compaction's map.
type keyHash [16]byte

func hashKey(key []byte) keyHash {
	sum := sha256.Sum256(key)
	return keyHash(sum[:16])
}

// compaction rewrites the sealed segments of one partition so that for every
// key only the last record of what was looked at remains. Offsets never change,
// and a segment keeps its last batch, if need be without records: so that there
// are never offsets that no batch covers between one segment and the next.
type compaction struct {
	p       *Partition
	ctx     context.Context
	st      Settings
	now     time.Time
	latest  map[keyHash]int64 // offset of a key's last record
	upTo    int64             // latest covers the records below this offset
	rebuild *batch.Rebuilder
	aborted abortedSet         // that have their markers in the segment at hand or later
	present map[int64]struct{} // producers that have batches since their last marker

	// What erasure does otherwise: how a batch is copied, and what becomes of the
	// file that is replaced, if it is not just removed.
	copies func(s *segment, w *appendWriter, b batch.Batch, end int64) error
	bury   func(*segment) error
}

// compact compacts the partition if enough of it is dirty. It gives up when ctx
// ends or the partition is stopped or deleted.
func (p *Partition) compact(ctx context.Context, now time.Time) error {
	p.maintenance.Lock()
	defer p.maintenance.Unlock()
	st := p.Settings()
	if !st.Compact || p.Err() != nil || p.erasing() {
		return nil
	}
	c := &compaction{p: p, ctx: ctx, st: st, now: now, latest: make(map[keyHash]int64), rebuild: p.log.codecs.NewRebuilder(), present: make(map[int64]struct{})}
	dirty, ok, err := c.dirty()
	if err != nil || !ok {
		return err
	}
	if err := c.learn(dirty); err != nil {
		return err
	}
	c.copies = c.copy
	groups := c.groups()
	if n := len(groups); n > 0 {
		if err := p.checkpointBeyond(groups[n-1][len(groups[n-1])-1].next); err != nil {
			return err
		}
	}
	for _, group := range groups {
		if err := c.rewrite(group); err != nil {
			return fmt.Errorf("compacting %s: %w", p.dir, err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.cleaned, p.mu.touched = c.upTo, true
	return nil
}

// checkpointBeyond makes sure that the checkpoint file has the partition's mark
// in a segment that begins at offset or later, so that recovery neither looks for
// what is about to change nor needs what is about to go.
func (p *Partition) checkpointBeyond(offset int64) error {
	if c := p.log.lastCheckpoint(p.id.key()); c != nil && c.base >= offset {
		return nil
	}
	if err := p.log.writeCheckpoints(); err != nil {
		return err
	}
	if c := p.log.lastCheckpoint(p.id.key()); c == nil || c.base < offset {
		return fmt.Errorf("%w: %s has no checkpoint beyond offset %d", ErrStorage, p.dir, offset)
	}
	return nil
}

// sealed are the segments that compaction may touch: nothing in them is undecided
// or held.
func (c *compaction) sealed() []*segment {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	list, end := c.p.mu.segments[:len(c.p.mu.segments)-1], min(c.p.LastStableOffset(), c.p.hold())
	n := 0
	for n < len(list) && list[n].exact && list[n].next <= end {
		n++
	}
	return list[:n:n]
}

// dirty returns the segments that no compaction has seen and whose time has
// come, and whether they are worth it.
func (c *compaction) dirty() (list []*segment, worth bool, err error) {
	var clean, dirty int64
	first := int64(-1)
	c.p.mu.Lock()
	cleaned := c.p.mu.cleaned
	c.p.mu.Unlock()
	lagged := c.now.Add(-c.st.MinCompactionLag).UnixMilli()
	for _, s := range c.sealed() {
		if err := c.p.describe(s); err != nil {
			return nil, false, err
		}
		if s.next <= cleaned {
			clean += s.size
			continue
		}
		if t := c.p.maxTime(s); c.st.MinCompactionLag > 0 && t > lagged {
			break
		}
		if first < 0 {
			if first, err = c.firstTime(s); err != nil {
				return nil, false, err
			}
		}
		dirty += s.size
		list = append(list, s)
	}
	overdue := first > 0 && c.now.UnixMilli()-first > c.st.MaxCompactionLag.Milliseconds()
	worth = dirty > 0 && (overdue || float64(dirty) >= c.st.MinCleanableRatio*float64(clean+dirty))
	return list, worth, nil
}

// firstTime is the timestamp of the first batch of s, from which
// max.compaction.lag.ms counts, as in Kafka.
func (c *compaction) firstTime(s *segment) (int64, error) {
	b, _, err := newScanner(segmentReader{c.p, s}, 0, s.size).next()
	if err == io.EOF || errors.Is(err, ErrCorruption) {
		return 0, nil // empty, or for learn to report
	}
	if err != nil {
		return 0, err
	}
	return b.BaseTimestamp(), nil
}

// learn notes the last offset of every key in the dirty segments. Records of
// aborted transactions do not count.
func (c *compaction) learn(dirty []*segment) error {
	for _, s := range dirty {
		if err := c.loadAborted(s); err != nil {
			return err
		}
		err := c.each(s, func(b batch.Batch) error {
			if b.Attributes().Control() || c.aborted.holds(b) {
				c.upTo = b.NextOffset()
				return nil
			}
			if len(c.latest)+int(b.Count()) > keyLimit && len(c.latest) > 0 {
				return io.EOF
			}
			for r, err := range c.p.log.codecs.Records(b) {
				if err != nil {
					return err
				}
				if r.Key != nil {
					c.latest[hashKey(r.Key)] = r.Offset
				}
			}
			c.upTo = b.NextOffset()
			return nil
		})
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		c.upTo = s.next
	}
	return nil
}

// each calls f for every batch of s.
func (c *compaction) each(s *segment, f func(batch.Batch) error) error {
	for sc := newScanner(segmentReader{c.p, s}, 0, s.size); ; {
		b, pos, err := sc.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s at position %d: %w", s.logName(), pos, err)
		}
		if err := errors.Join(c.ctx.Err(), c.p.Err()); err != nil {
			return err
		}
		if err := b.Check(); err != nil {
			return fmt.Errorf("%w: %s at position %d: %w", ErrCorruption, s.logName(), pos, err)
		}
		if err := f(b); err != nil {
			return err
		}
	}
}

// groups are runs of segments that together fit into one.
func (c *compaction) groups() [][]*segment {
	var out [][]*segment
	var size int64
	for _, s := range c.sealed() {
		if s.base >= c.upTo {
			break
		}
		last := len(out) - 1
		if last < 0 || size+s.size > c.st.SegmentBytes || s.next-out[last][0].base > 1<<31-1 {
			out, size = append(out, nil), 0
			last++
		}
		out[last] = append(out[last], s)
		size += s.size
	}
	return out
}

// rewrite puts one segment with what is kept in the place of group's.
func (c *compaction) rewrite(group []*segment) error {
	first, last := group[0], group[len(group)-1]
	s := newSegment(c.p.dir, first.base, &c.p.log.chunks)
	cleaned := s.path + logSuffix + cleanedSuffix
	if err := c.write(s, cleaned, group); err != nil {
		return errors.Join(err, removeWiped(c.p.log.fs, cleaned))
	}
	s.next, s.sealed, s.exact, s.onDisk, s.created = last.next, true, true, true, first.created
	swap := swapName(first.base, last.next)
	if err := c.p.log.fs.Rename(cleaned, filepath.Join(c.p.dir, swap)); err != nil {
		return err
	}
	if err := c.p.log.fs.SyncDir(c.p.dir); err != nil {
		return err
	}
	return c.swap(s, swap, group)
}

// write copies what is kept of group into the file name.
func (c *compaction) write(s *segment, name string, group []*segment) (err error) {
	f, err := c.p.log.fs.Open(name, vfs.Create)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(0); err != nil {
		return err
	}
	w := &appendWriter{f: f}
	end := group[len(group)-1].next
	for _, old := range group {
		if err := c.loadAborted(old); err != nil {
			return err
		}
		if err := c.each(old, func(b batch.Batch) error { return c.copies(s, w, b, end) }); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	s.noteTime()
	s.flushed, s.written = s.size, s.size
	return f.Sync()
}

// copy writes b without the records that are not kept. The segment ends at the
// offset end.
func (c *compaction) copy(s *segment, w *appendWriter, b batch.Batch, end int64) error {
	expires, ok := b.DeleteHorizon()
	keeps, horizon := c.policy(s, b, ok && expires < c.now.UnixMilli())
	out, err := c.rebuild.Rebuild(b, horizon, keeps)
	if err != nil {
		return fmt.Errorf("%w: batch at offset %d: %w", ErrCorruption, b.BaseOffset(), err)
	}
	if out.Count() == 0 && b.NextOffset() < end && !c.lastOfProducer(b) {
		return nil
	}
	s.note(out, s.size, c.st.IndexIntervalBytes)
	s.size += int64(len(out))
	return w.write(out)
}

// policy tells which records of b, which goes into s, are kept, and what delete
// horizon the batch gets if it needs one. expired says that the one it has is
// over.
func (c *compaction) policy(s *segment, b batch.Batch, expired bool) (keeps func(*batch.Record) bool, horizon int64) {
	later := c.now.Add(c.st.DeleteRetention).UnixMilli()
	switch {
	case b.Attributes().Control():
		if c.needsMarker(s, b) {
			return func(*batch.Record) bool { return true }, 0
		}
		return func(*batch.Record) bool { return !expired }, later
	case c.isAborted(b):
		return func(*batch.Record) bool { return false }, 0
	case b.BaseOffset() >= c.upTo:
		later = 0
	}
	return func(r *batch.Record) bool { return c.keeps(r, expired) }, later
}

// keeps tells whether r stays. A record without a key has no place in a
// compacted topic and goes, as in Kafka.
func (c *compaction) keeps(r *batch.Record, tombstonesGone bool) bool {
	if r.Offset >= c.upTo {
		return true
	}
	if r.Key == nil || r.Value == nil && tombstonesGone {
		return false
	}
	latest, ok := c.latest[hashKey(r.Key)]
	return !ok || latest <= r.Offset
}

// lastOfProducer tells whether b is what its producer's sequence numbers go on
// from; then the batch stays, even without records.
func (c *compaction) lastOfProducer(b batch.Batch) bool {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	p := c.p.mu.producers.byID[b.ProducerID()]
	return p != nil && len(p.recent) > 0 && p.recent[len(p.recent)-1].last == b.LastOffset()
}

// swap replaces the group in memory and on disk. Readers that have a file of
// the group open keep it; those that come next find the new file open already,
// whatever name it has at the moment. If it fails half-way the partition stops,
// and its recovery completes the swap.
func (c *compaction) swap(s *segment, swap string, group []*segment) error {
	p, path := c.p, filepath.Join(c.p.dir, swap)
	for _, mode := range []vfs.Mode{0, vfs.Write | vfs.Direct} {
		f, err := p.log.files.openAs(s.owner, s.logName(), path, mode)
		if err != nil {
			return err
		}
		defer f.release()
	}
	p.indexing.Lock()
	defer p.indexing.Unlock()
	p.replace(group, s)
	var err error
	if c.bury != nil {
		err = c.bury(group[0])
	}
	if err == nil {
		err = finishSwap(p.log.fs, p.dir, swap, func() error {
			return s.writeIndexes(p.log.fs)
		})
	}
	if err != nil {
		return p.fail(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.wroteIndexes()
	return nil
}

// replace puts s in the place of group in the list of segments. The indexing
// lock is held.
func (p *Partition) replace(group []*segment, s *segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.index(group[0])
	p.mu.segments = slices.Concat(p.mu.segments[:i], []*segment{s}, p.mu.segments[i+len(group):])
	for _, old := range group {
		p.retire(old)
	}
}

// swapName is the name of a compacted segment that is to replace those with a
// base offset in [base, next).
func swapName(base, next int64) string { return fmt.Sprintf("%020d-%020d%s", base, next, swapSuffix) }

// swapRange reads swapName.
func swapRange(dir, name string) (base, next int64, err error) {
	if _, err := fmt.Sscanf(name, "%020d-%020d"+swapSuffix, &base, &next); err != nil {
		return 0, 0, fmt.Errorf("%w: %s is not a name that compaction gives", ErrCorruption, filepath.Join(dir, name))
	}
	return base, next, nil
}

// finishSwap puts the compacted segment, whose bytes are durable, in place,
// after writing its indexes, which may be left out. It can be done again after a
// crash at any point: what it replaces is gone for good before the segment gets
// its name, so that the two are never mixed.
func finishSwap(fsys vfs.FS, dir, name string, writeIndexes func() error) error {
	base, next, err := swapRange(dir, name)
	if err != nil {
		return err
	}
	if err := removeRange(fsys, dir, base, next); err != nil {
		return err
	}
	if writeIndexes != nil {
		if err := writeIndexes(); err != nil {
			return err
		}
	}
	if err := fsys.SyncDir(dir); err != nil {
		return err
	}
	if err := fsys.Rename(filepath.Join(dir, name), segmentPath(dir, base)+logSuffix); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// removeRange removes the segments with a base offset in [base, next), and the
// index files of the first even if its .log file is gone.
func removeRange(fsys vfs.FS, dir string, base, next int64) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	list := []int64{base}
	for _, e := range entries {
		if b, ok := segmentBase(e.Name()); ok && base < b && b < next {
			list = append(list, b)
		}
	}
	for _, b := range list {
		for _, suffix := range []string{indexSuffix, timeIndexSuffix, abortIndexSuffix, logSuffix} {
			if err := fsys.RemoveAll(segmentPath(dir, b) + suffix); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendWriter writes to the end of a file in large pieces.
type appendWriter struct {
	f   vfs.File
	pos int64
	buf []byte
}

func (w *appendWriter) write(b []byte) error {
	if w.buf = append(w.buf, b...); len(w.buf) < scanBuffer {
		return nil
	}
	return w.flush()
}

func (w *appendWriter) flush() error {
	n, err := w.f.WriteAt(w.buf, w.pos)
	w.pos += int64(n)
	w.buf = w.buf[:0]
	return err
}
