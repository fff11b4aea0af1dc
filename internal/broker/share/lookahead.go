package share

import (
	"errors"
	"hash/maphash"
	"slices"
	"strconv"

	"github.com/evidentlog/evident/internal/broker/groupconfig"
	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
)

// lookBytes is how much of the log is looked at once, at most; leastLookBytes what
// it is worth a read.
const (
	lookBytes      = 1 << 20
	leastLookBytes = 16 << 10
)

// lookahead is what is known of the records of a window, in a topic that wants
// them delivered by key or by priority. It is guarded by partition.mu.
type lookahead struct {
	byKey   bool
	header  string // that has the priority; "": there is none
	seed    maphash.Seed
	ranking *window.Ranking // nil: nothing is known
	batches []storedBatch   // that have the records, in order
	barren  bool            // nothing could be given out, and nothing has changed since
}

type storedBatch struct {
	first, last int64
	size        int
}

// order takes over which order the topic wants.
func (p *partition) order(t *Topic) {
	p.mu.Lock()
	defer p.mu.Unlock()
	look := p.mu.look
	switch {
	case !t.ByKey && t.PriorityHeader == "":
		p.mu.look = nil
	case look == nil || look.byKey != t.ByKey || look.header != t.PriorityHeader:
		p.mu.look = &lookahead{byKey: t.ByKey, header: t.PriorityHeader, seed: maphash.MakeSeed()}
	}
}

// forget makes the lookahead begin anew, for another window.
func (k *lookahead) forget() { k.ranking, k.batches, k.barren = nil, nil, false }

// rank returns the ranking of the window. The lock is held.
func (k *lookahead) rank(w *window.Window) *window.Ranking {
	if k.ranking == nil {
		k.ranking = window.NewRanking(w, k.byKey, k.header != "")
	}
	return k.ranking
}

// promising tells if a fetch may find something. The lock is held.
func (k *lookahead) promising(p *partition, s groupconfig.Settings) bool {
	from, n := k.rank(p.mu.window).Missing(p.mu.window, s.RecordLocks)
	return !k.barren || n > 0 && from < readable(p.mu.log, s)
}

// takeRanked acquires the records that come first. p.mu.reading is set, and the
// lock is held; both end.
func (p *partition) takeRanked(f *fetching) (got taken, again bool, err error) {
	k, l := p.mu.look, p.mu.log
	from, n := k.rank(p.mu.window).Missing(p.mu.window, f.settings.RecordLocks)
	end := min(from+int64(n), readable(l, f.settings))
	bytes := k.bytesOf(end - from)
	p.mu.Unlock()

	var seen look
	if from < end {
		if seen, err = k.look(&p.c.codecs, l, f.settings, from, end, bytes); err != nil {
			p.stopReading()
			return taken{}, false, err
		}
	}
	ranges, groups, again := p.acquireRanked(f, k, seen)
	slices, err := fetchGroups(l, groups)
	if err != nil {
		p.giveBack(f, ranges)
		return taken{}, false, err
	}
	return taken{slices, ranges}, again, nil
}

// acquireRanked is acquire where the ranking decides, with what was seen of the
// log.
func (p *partition) acquireRanked(f *fetching, k *lookahead, seen look) (ranges []window.Range, groups []storedBatch, again bool) {
	p.mu.Lock()
	p.mu.reading = false
	if p.mu.look != k || p.mu.gone || f.session.isClosed() {
		p.unlock()
		return nil, nil, false
	}
	more := len(seen.batches) > 0
	if more {
		k.rank(p.mu.window).Add(p.mu.window, seen.infos, seen.end)
		k.note(seen.batches)
	}
	ranges, groups = k.choose(p.mu.window, f)
	k.barren = len(ranges) == 0
	if again = k.barren && more; again || !k.barren {
		p.unlock()
	} else {
		p.unlockQuietly()
	}
	return ranges, groups, again
}

// choose acquires the records that come first and fit, and returns the batches
// that have them, those together that follow one another.
func (k *lookahead) choose(w *window.Window, f *fetching) (ranges []window.Range, groups []storedBatch) {
	k.trim(w.Start())
	room, first := f.room()
	a := f.acquisition()
	needed := make(map[int]bool)
	var offsets []int64
	for _, offset := range k.rank(w).Pick(w, a.Records) {
		i := k.batch(offset)
		if i < 0 {
			continue
		}
		if !needed[i] {
			if size := k.batches[i].size; size > room && !(first && len(needed) == 0) {
				continue
			}
			needed[i], room = true, room-k.batches[i].size
		}
		offsets = append(offsets, offset)
	}
	ranges = w.Take(a, offsets)
	return ranges, k.having(ranges)
}

// having are the batches that have records of the ranges.
func (k *lookahead) having(ranges []window.Range) (groups []storedBatch) {
	for _, b := range k.batches {
		for len(ranges) > 0 && ranges[0].Last < b.first {
			ranges = ranges[1:]
		}
		if len(ranges) == 0 {
			break
		}
		if b.last < ranges[0].First {
			continue
		}
		if n := len(groups); n > 0 && groups[n-1].last+1 == b.first {
			groups[n-1].last, groups[n-1].size = b.last, groups[n-1].size+b.size
			continue
		}
		groups = append(groups, b)
	}
	return groups
}

// note adds batches. The first may be known: only a part of it was looked at.
func (k *lookahead) note(batches []storedBatch) {
	if n := len(k.batches); n > 0 && k.batches[n-1].last >= batches[0].first {
		batches = batches[1:]
	}
	k.batches = append(k.batches, batches...)
}

// batch is the index of the batch that has the record, or -1.
func (k *lookahead) batch(offset int64) int {
	i, found := slices.BinarySearchFunc(k.batches, offset, func(b storedBatch, offset int64) int {
		switch {
		case b.last < offset:
			return -1
		case b.first > offset:
			return 1
		}
		return 0
	})
	if !found {
		return -1
	}
	return i
}

// trim forgets batches that lie before the window.
func (k *lookahead) trim(start int64) {
	n := 0
	for n < len(k.batches) && k.batches[n].last < start {
		n++
	}
	k.batches = slices.Delete(k.batches, 0, n)
}

// fetchGroups plans reads of whole batches.
func fetchGroups(l *log.Partition, groups []storedBatch) (all []*log.Slice, err error) {
	for _, g := range groups {
		s, err := l.Read(g.first, g.size, true)
		if err == nil {
			all = append(all, s)
			err = cutAt(s, g.last)
		}
		if err != nil {
			closeAll(all)
			if errors.Is(err, log.ErrOffsetOutOfRange) {
				err = errMoved
			}
			return nil, err
		}
	}
	return all, nil
}

// cutAt leaves of a slice the whole batches up to an offset. Compaction may have
// made them smaller since their sizes were noted.
func cutAt(s *log.Slice, last int64) error {
	end := 0
	for b, err := range s.Batches() {
		if err != nil {
			return err
		}
		if b.Header.BaseOffset() > last {
			break
		}
		end = b.Pos + b.Size
	}
	return s.Cut(0, end)
}

// look is records that were looked at.
type look struct {
	infos   []window.Info
	batches []storedBatch
	end     int64 // behind them; what is before and not in infos is not in the log
}

// bytesOf is about how many bytes so many records take, going by the batches that
// are known, and no more than are to be looked at.
func (k *lookahead) bytesOf(records int64) int {
	bytes, known := int64(0), int64(0)
	for _, b := range k.batches {
		bytes, known = bytes+int64(b.size), known+b.last-b.first+1
	}
	if known == 0 {
		return lookBytes
	}
	return int(min(max(bytes*records/known, leastLookBytes), lookBytes))
}

// look reads records in [from, end), or some of them, from about so many bytes.
func (k *lookahead) look(codecs *batch.Codecs, l *log.Partition, settings groupconfig.Settings, from, end int64, bytes int) (look, error) {
	s, gone, err := readAs(l, settings, from, bytes, true)
	if err != nil {
		return look{}, err
	}
	defer s.Close()
	raw, err := s.Bytes()
	if err != nil {
		return look{}, err
	}
	seen := look{end: from}
	for len(raw) > 0 && seen.end < end {
		b, rest, err := batch.Next(raw)
		if err != nil { // the last one is cut
			break
		}
		raw = rest
		if err := k.lookAt(codecs, b, gone.skip(b), from, end, &seen); err != nil {
			return look{}, err
		}
	}
	return seen, nil
}

// lookAt notes the records of a batch that lie in [from, end), unless they are to be
// skipped.
func (k *lookahead) lookAt(codecs *batch.Codecs, b batch.Batch, skip bool, from, end int64, seen *look) error {
	if !skip {
		for r, err := range codecs.Records(b) {
			if err != nil {
				return err
			}
			if r.Offset >= end {
				break
			}
			if r.Offset >= from {
				seen.infos = append(seen.infos, window.Info{Offset: r.Offset, Key: k.hash(r.Key), Priority: k.priority(r.Headers)})
			}
		}
	}
	seen.batches = append(seen.batches, storedBatch{b.BaseOffset(), b.LastOffset(), int(b.Length())})
	seen.end = min(b.NextOffset(), end)
	return nil
}

// hash is 0 only without a key, or if records are not ordered by it.
func (k *lookahead) hash(key []byte) uint64 {
	if key == nil || !k.byKey {
		return 0
	}
	return maphash.Bytes(k.seed, key) | 1
}

// priority reads the header that has the priority: a decimal number. Without
// one it is 0.
func (k *lookahead) priority(headers batch.Headers) int64 {
	if k.header == "" {
		return 0
	}
	value, _ := headers.Get(k.header)
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
