package share

import (
	"errors"

	"github.com/evidentlog/evident/internal/broker/groupconfig"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
)

// readable is the offset up to which the group may read.
func readable(l *log.Partition, s groupconfig.Settings) int64 {
	if s.ReadCommitted {
		return l.LastStableOffset()
	}
	return l.HighWatermark()
}

// readAs reads as the group may, and tells what it has to leave out.
func readAs(l *log.Partition, s groupconfig.Settings, from int64, bytes int, first bool) (*log.Slice, aborted, error) {
	var slice *log.Slice
	var list []log.AbortedTxn
	var err error
	if s.ReadCommitted {
		slice, list, err = l.ReadCommitted(from, bytes, first)
	} else {
		slice, err = l.Read(from, bytes, first)
	}
	if errors.Is(err, log.ErrOffsetOutOfRange) {
		err = errMoved
	}
	return slice, aborted(list), err
}

// aborted is the transactions that ended so of which a read has records.
type aborted []log.AbortedTxn

// skip tells if nobody gets the records of a batch: of control batches, and of
// aborted transactions. It must be asked of all batches, in order: the control
// batch of a producer ends its transaction.
func (a *aborted) skip(b batch.Batch) bool {
	attributes := b.Attributes()
	switch {
	case attributes.Control():
		a.end(b.ProducerID(), b.BaseOffset())
		return true
	case attributes.Transactional():
		return a.has(b.ProducerID(), b.LastOffset())
	}
	return false
}

// has tells if a transaction of the producer is among them that began at the
// offset or before.
func (a *aborted) has(producer, offset int64) bool {
	for _, t := range *a {
		if t.ProducerID == producer && t.FirstOffset <= offset {
			return true
		}
	}
	return false
}

// end takes the producer's transaction out that began before the offset, if it is
// among them.
func (a *aborted) end(producer, offset int64) {
	for i, t := range *a {
		if t.ProducerID == producer && t.FirstOffset < offset {
			*a = append((*a)[:i:i], (*a)[i+1:]...)
			return
		}
	}
}
