package log

import (
	"math"
	"slices"
)

// noMarker stands for the marker's offset of a transaction that is open.
const noMarker = -1

// transaction is what one producer writes to the partition between two of its
// markers.
type transaction struct {
	producer int64
	epoch    int16 // of its records; batch.NoProducerEpoch: not known
	first    int64 // offset of its first record
	marker   int64 // offset, or noMarker
}

// transactions are those of a partition that are not over and done with. They
// are guarded by the partition's lock.
type transactions struct {
	// unstable are open, or their marker is not durable yet, by first offset:
	// the first one holds the last stable offset.
	unstable []*transaction
	// ended have a marker that is not below the mark of the next checkpoint, by
	// marker: it must tell that they were open at the mark.
	ended []*transaction
}

// open begins a transaction at the log's end.
func (t *transactions) open(producer int64, epoch int16, first int64) *transaction {
	txn := &transaction{producer, epoch, first, noMarker}
	t.unstable = append(t.unstable, txn)
	return txn
}

func (t *transactions) end(txn *transaction, marker int64) {
	txn.marker = marker
	t.ended = append(t.ended, txn)
}

// undecided is the first offset of the oldest transaction that is open, or else
// end.
func (t *transactions) undecided(end int64) int64 {
	for _, txn := range t.unstable {
		if txn.marker == noMarker {
			return txn.first
		}
	}
	return end
}

// durable notes that markers below the high watermark are.
func (t *transactions) durable(highWatermark int64) {
	t.unstable = slices.DeleteFunc(t.unstable, func(txn *transaction) bool {
		return txn.marker != noMarker && txn.marker < highWatermark
	})
}

// passed notes that the next checkpoint's mark is at offset or beyond.
func (t *transactions) passed(offset int64) {
	n := 0
	for n < len(t.ended) && t.ended[n].marker < offset {
		n++
	}
	t.ended = slices.Delete(t.ended, 0, n)
}

// firstUnstable is the offset that holds the last stable offset, or the largest
// number.
func (t *transactions) firstUnstable() int64 {
	if len(t.unstable) == 0 {
		return math.MaxInt64
	}
	return t.unstable[0].first
}

// openAt lists the transactions that were open before the batch at offset.
func (t *transactions) openAt(offset int64) []*transaction {
	var out []*transaction
	for _, txn := range t.unstable {
		if txn.marker == noMarker && txn.first < offset {
			out = append(out, txn)
		}
	}
	for _, txn := range t.ended {
		if txn.first < offset && txn.marker >= offset {
			out = append(out, txn)
		}
	}
	return out
}
