package log

import (
	"slices"

	"github.com/evidentlog/evident/internal/log/batch"
)

// abortedSet is aborted transactions by producer, each by marker.
type abortedSet map[int64][]abortEntry

// holds tells whether b is part of one of the transactions.
func (a abortedSet) holds(b batch.Batch) bool {
	return b.Attributes().Transactional() && slices.ContainsFunc(a[b.ProducerID()], func(e abortEntry) bool {
		return e.first <= b.BaseOffset() && b.BaseOffset() < e.last
	})
}

// loadAborted makes aborted hold those that have batches, or their marker, in s.
func (c *compaction) loadAborted(s *segment) error {
	c.aborted = make(abortedSet)
	return c.p.eachAborted(s.base, s.next, func(e abortEntry) {
		c.aborted[e.producer] = append(c.aborted[e.producer], e)
	})
}

// isAborted tells whether the batch of records b is of an aborted transaction, and
// takes note that its transaction has batches.
func (c *compaction) isAborted(b batch.Batch) bool {
	if b.Attributes().Transactional() {
		c.present[b.ProducerID()] = struct{}{}
	}
	return c.aborted.holds(b)
}

// needsMarker tells whether the control batch b has to stay: its transaction had
// batches in the segments until now, which went into s or before. If it is an abort
// marker, so does its index entry.
func (c *compaction) needsMarker(s *segment, b batch.Batch) bool {
	_, needed := c.present[b.ProducerID()]
	delete(c.present, b.ProducerID())
	if !needed {
		return false
	}
	for _, e := range c.aborted[b.ProducerID()] {
		if e.last == b.LastOffset() {
			s.noteAborted(e)
		}
	}
	return true
}
