package log

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/evidentlog/evident/internal/log/batch"
)

// learn adds the batches of the sealed segment s to t, and gives the aborted
// transactions to note.
func (l *Log) learn(t *producerTable, s *segment, note func(abortEntry)) error {
	return l.scanSegment(s, func(b batch.Batch, _ int64) {
		if e, aborts := t.add(b, b.MaxTimestamp()); aborts {
			note(e)
		}
		if b.Attributes().Control() {
			t.durable(b.NextOffset())
			t.passed(b.NextOffset())
		}
	})
}

// relearn returns what is known of producers at the offset end, where the
// segments, all that the partition has below it, end: the batches tell, and of
// producers that have none there the table old. Should a segment be damaged, the
// batches behind are not looked at, and the error wraps ErrCorruption.
func (l *Log) relearn(list []*segment, end int64, old *producerTable) (*producerTable, error) {
	t := newProducerTable()
	var err error
	for i := 0; i < len(list) && err == nil; i++ {
		err = l.learn(t, list[i], func(abortEntry) {})
	}
	for id, p := range old.below(end).byID {
		if t.byID[id] == nil {
			p.txn = nil
			t.byID[id] = p
		}
	}
	return t, err
}

// note takes in what the batch b of s tells of producers and their
// transactions, unless that is known already.
func (r *recovery) note(s *segment, b batch.Batch) {
	if b.BaseOffset() < r.known {
		return
	}
	if e, aborts := r.producers.add(b, b.MaxTimestamp()); aborts {
		s.noteAborted(e)
	}
}

// checkAborted verifies the aborted transactions that the checkpoint counts in
// the segment that it marks.
func (r *recovery) checkAborted() error {
	if r.from == nil || r.first >= len(r.segments) {
		return nil
	}
	s := r.segments[r.first]
	s.aborted.stored = r.from.abortEntries
	err := fs.ErrNotExist
	if s.aborted.stored != unknownEntries {
		err = s.checkAborted(r.log.files, r.from.offset)
	}
	if errors.Is(err, errIndexTorn) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.EOF) {
		r.log.cfg.Logger.Warn("the index of aborted transactions is missing or torn; it is built anew from all segments", "segment", s.path, "error", err)
		return r.startOver(r.first)
	}
	return err
}

// startOver makes the scan go on with the whole of segment i, for what happened
// in it is needed once more: who had which transactions open where it begins is
// asked of the segments before it.
func (r *recovery) startOver(i int) error {
	s := r.segments[i]
	t, err := r.log.relearn(r.segments[:i], s.base, r.producers)
	if errors.Is(err, ErrCorruption) {
		r.log.cfg.Logger.Error("damage: readers of committed records may see some of transactions that were aborted", "partition", r.dir, "error", err)
	} else if err != nil {
		return fmt.Errorf("reading the segments before %s: %w", s.logName(), err)
	}
	r.producers, r.known, r.whole = t, s.base, s
	s.aborted.stored, s.aborted.pending = 0, nil
	return nil
}
