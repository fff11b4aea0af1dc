package log

import (
	"errors"
)

// ReadCommitted is [Partition.Read] for the isolation level read_committed: it
// does not go past the last stable offset, and tells what the reader has to leave
// out. An offset between the last stable offset and the high watermark gives an
// empty Slice.
func (p *Partition) ReadCommitted(offset int64, maxBytes int, minOne bool) (*Slice, []AbortedTxn, error) {
	for {
		stable := p.LastStableOffset()
		s, err := p.read(offset, stable, maxBytes, minOne)
		if err != nil || s.seg == nil {
			return s, nil, err
		}
		list, err := p.abortedIn(s, offset, stable)
		if err == nil {
			return s, list, nil
		}
		s.Close()
		if !errors.Is(err, errReplaced) {
			return nil, nil, p.readError(err)
		}
	}
}

// abortedIn is Aborted for the records from offset on that s holds. The error is
// errReplaced if compaction has replaced the segment, and with it, maybe, forgotten
// transactions that have records in s.
func (p *Partition) abortedIn(s *Slice, offset, stable int64) ([]AbortedTxn, error) {
	end, err := s.endOffset()
	if err != nil {
		return nil, err
	}
	list, err := p.aborted(offset, min(end, stable))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.seg.gone {
		return nil, errReplaced
	}
	return list, nil
}

// endOffset is an offset beyond the records of s, and not far beyond, but for what
// readers do not see yet: it goes by the segment's index, unless s has all up to there.
func (s *Slice) endOffset() (int64, error) {
	s.p.mu.Lock()
	r := s.seg.offsets.reader(s.p.log.files)
	next := s.seg.next
	s.p.mu.Unlock()
	defer r.close()
	if s.whole {
		return next, nil
	}
	n, err := r.count(func(e []byte) bool {
		_, pos := offsetOf(e)
		return int64(pos) < s.end
	})
	if err != nil || n == r.len() {
		return next, err
	}
	e, err := r.at(n)
	if err != nil {
		return 0, err
	}
	last, _ := offsetOf(e)
	return s.seg.base + int64(last) + 1, nil
}

// Aborted lists the aborted transactions that have records in [from, to), by the
// offsets of their markers. to is not above the last stable offset. An error
// wraps ErrStorage.
func (p *Partition) Aborted(from, to int64) ([]AbortedTxn, error) {
	for {
		list, err := p.aborted(from, to)
		if gone := p.gone(); gone != nil {
			return nil, gone
		}
		if err == nil {
			return list, nil
		}
		if !errors.Is(err, errReplaced) {
			return nil, p.readError(err)
		}
	}
}

// aborted is Aborted without a second attempt.
func (p *Partition) aborted(from, to int64) (list []AbortedTxn, err error) {
	err = p.eachAborted(from, to, func(e abortEntry) {
		list = append(list, AbortedTxn{e.producer, e.first})
	})
	return list, err
}

// eachAborted calls f for the aborted transactions that have records in [from, to).
// A transaction is listed where its marker lies, so all segments from from on are
// asked, up to an entry that says that no later one can be of the range.
func (p *Partition) eachAborted(from, to int64, f func(abortEntry)) error {
	p.mu.Lock()
	segments := p.mu.segments[p.index(p.segmentOf(from)):]
	p.mu.Unlock()
	for _, s := range segments {
		if err := p.describe(s); err != nil {
			return err
		}
		more, err := p.abortedOf(s, from, func(e abortEntry) bool {
			if e.first < to {
				f(e)
			}
			return e.stable < to
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// abortedOf calls f with the entries of s whose markers lie at from or beyond, until
// it returns false; so does abortedOf then.
func (p *Partition) abortedOf(s *segment, from int64, f func(abortEntry) bool) (bool, error) {
	p.mu.Lock()
	r := s.aborted.reader(p.log.files)
	p.mu.Unlock()
	defer r.close()
	i, err := r.count(func(b []byte) bool { return abortEntryOf(b).last < from })
	for ; i < r.len() && err == nil; i++ {
		var b []byte
		if b, err = r.at(i); err == nil && !f(abortEntryOf(b)) {
			return false, nil
		}
	}
	return true, err
}
