package log

import (
	"github.com/evidentlog/evident/internal/log/batch"
)

// Marker ends a transaction in a partition (KIP-98).
type Marker = batch.Marker

// AbortedTxn tells readers of committed records what to leave out: the
// transactional records of the producer from FirstOffset on, up to the next abort
// marker of the producer.
type AbortedTxn struct {
	ProducerID, FirstOffset int64
}

// ProducerState is what a partition knows of one producer id (KIP-664).
type ProducerState struct {
	ID               int64
	Epoch            int16
	LastSequence     int32 // -1 if none is known
	LastTimestamp    int64 // of the last batch or marker, ms since the epoch
	CoordinatorEpoch int32 // of the last marker, -1 if there was none
	TxnStart         int64 // first offset of the open transaction, -1 if there is none
}

// OpenTransaction is a transaction that a partition holds open.
type OpenTransaction struct {
	ProducerID int64
	Epoch      int16 // of its records; −1: not known
}

// AppendMarker ends the transaction that m's producer has open in the partition,
// and raises the producer's epoch to that of the marker. Without an open
// transaction the marker is written all the same, for the epoch. It is appended
// as by [Partition.Append], except that done always waits until the marker is
// synced, even where flush.messages is loosened.
//
// The error wraps ErrProducerFenced if the producer has a later epoch,
// ErrCoordinatorFenced if a marker of a later coordinator was seen, and else is one
// of Append's. Then nothing was appended, and done is never called.
func (p *Partition) AppendMarker(m Marker, done func(error)) error {
	b := m.Batch(p.now())
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.waitForRoom(); err != nil {
		return err
	}
	if err := p.mu.producers.checkMarker(m); err != nil {
		return err
	}
	res := p.appendLocked([]batch.Batch{b})
	if done != nil {
		c := &p.mu.commit
		c.durable = append(c.durable, waiter{res.LastOffset + 1, done})
	}
	p.schedule()
	return nil
}

// LastStableOffset is the offset below which every transaction has ended, with a
// marker that is durable: the first offset of the oldest other one, or the high
// watermark. Readers of committed records see what is below. A [Watcher] is told
// when it rises, for it does so only with the high watermark.
func (p *Partition) LastStableOffset() int64 {
	// In this order: what opens meanwhile begins at the high watermark or later.
	hw := p.HighWatermark()
	return min(hw, max(p.firstUnstable.Load(), p.LogStart()))
}

// OpenTransactions lists the transactions that have no marker yet, oldest first.
func (p *Partition) OpenTransactions() []OpenTransaction {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []OpenTransaction
	for _, txn := range p.mu.producers.unstable {
		if txn.marker == noMarker {
			out = append(out, OpenTransaction{txn.producer, txn.epoch})
		}
	}
	return out
}

// Producers lists the producers that the partition remembers, in no order.
func (p *Partition) Producers() []ProducerState {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]ProducerState, 0, len(p.mu.producers.byID))
	for id, known := range p.mu.producers.byID {
		s := ProducerState{ID: id, Epoch: known.epoch, LastSequence: -1, LastTimestamp: known.seen, CoordinatorEpoch: known.coordinatorEpoch, TxnStart: known.txnStart()}
		if n := len(known.recent); n > 0 {
			s.LastSequence = known.recent[n-1].lastSeq
		}
		out = append(out, s)
	}
	return out
}
