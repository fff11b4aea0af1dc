package log

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/evidentlog/evident/internal/log/batch"
)

// producerWindow is how many batches of a producer are remembered to recognise
// one that is sent again. An idempotent producer has at most five in flight.
const producerWindow = 5

// producerTable is what a partition knows of its producers and of their
// transactions (KIP-98). It follows from the batches in order. It is guarded by
// the partition's lock.
type producerTable struct {
	byID map[int64]*producer
	transactions
}

// producer is what is known of one producer id.
type producer struct {
	epoch            int16
	coordinatorEpoch int32           // of the last marker, or -1
	recent           []producedBatch // oldest first, at most producerWindow
	seen             int64           // ms since the epoch; for expiry
	txn              *transaction    // that is open, or nil
}

// producedBatch tells where a batch of a producer lies. A batch without sequence
// numbers has batch.NoSequence for both; so has the marker that begins an epoch,
// which 0 comes after.
type producedBatch struct {
	firstSeq, lastSeq int32
	base, last        int64 // offsets
}

func newProducerTable() *producerTable {
	return &producerTable{byID: make(map[int64]*producer)}
}

func newProducer(epoch int16) *producer {
	return &producer{epoch: epoch, coordinatorEpoch: -1, recent: make([]producedBatch, 0, producerWindow)}
}

// txnStart is the first offset of the open transaction, or -1.
func (p *producer) txnStart() int64 {
	if p.txn == nil {
		return -1
	}
	return p.txn.first
}

// txnEpoch is the epoch of the open transaction's records, or -1.
func (p *producer) txnEpoch() int16 {
	if p.txn == nil {
		return batch.NoProducerEpoch
	}
	return p.txn.epoch
}

// check tells whether b may be appended. A batch that is in the log already is
// returned as dup.
func (t *producerTable) check(b batch.Batch) (dup *producedBatch, err error) {
	p := t.byID[b.ProducerID()]
	if b.ProducerID() < 0 || p == nil {
		return nil, nil
	}
	if epoch := b.ProducerEpoch(); epoch < p.epoch {
		return nil, fmt.Errorf("%w: producer %d has epoch %d, the batch %d", ErrProducerFenced, b.ProducerID(), p.epoch, epoch)
	}
	if b.BaseSequence() != batch.NoSequence {
		if dup, err := p.checkSequence(b); dup != nil || err != nil {
			return dup, err
		}
	}
	if p.txn != nil && !b.Attributes().Transactional() {
		return nil, fmt.Errorf("%w: producer %d has a transaction open since offset %d, and sent a batch that belongs to none", ErrInvalidTxnState, b.ProducerID(), p.txn.first)
	}
	return nil, nil
}

// checkSequence checks the sequence number of b, whose epoch is not too old.
func (p *producer) checkSequence(b batch.Batch) (dup *producedBatch, err error) {
	epoch, seq := b.ProducerEpoch(), b.BaseSequence()
	switch {
	case epoch > p.epoch:
		if seq != 0 {
			return nil, fmt.Errorf("%w: producer %d begins epoch %d with sequence %d, not 0", ErrOutOfOrderSequence, b.ProducerID(), epoch, seq)
		}
		return nil, nil
	case len(p.recent) == 0:
		return nil, nil
	}
	for i := range p.recent {
		if r := &p.recent[i]; r.firstSeq == seq && r.lastSeq == b.LastSequence() {
			return r, nil
		}
	}
	if want := nextSequence(p.recent[len(p.recent)-1].lastSeq); seq != want {
		return nil, fmt.Errorf("%w: producer %d sent sequence %d, expected %d", ErrOutOfOrderSequence, b.ProducerID(), seq, want)
	}
	return nil, nil
}

// nextSequence is the sequence number after seq; it wraps to 0 after 2^31-1.
func nextSequence(seq int32) int32 { return int32((uint32(seq) + 1) & 0x7fffffff) }

// checkMarker tells whether m may be appended.
func (t *producerTable) checkMarker(m Marker) error {
	p := t.byID[m.ProducerID]
	switch {
	case p == nil:
		return nil
	case m.ProducerEpoch < p.epoch:
		return fmt.Errorf("%w: producer %d has epoch %d, the marker %d", ErrProducerFenced, m.ProducerID, p.epoch, m.ProducerEpoch)
	case m.CoordinatorEpoch < p.coordinatorEpoch:
		return fmt.Errorf("%w: the coordinator of producer %d has epoch %d, the marker %d", ErrCoordinatorFenced, m.ProducerID, p.coordinatorEpoch, m.CoordinatorEpoch)
	}
	return nil
}

// add notes that b is in the log at the offsets it carries. If b aborts a
// transaction, that is returned.
func (t *producerTable) add(b batch.Batch, now int64) (e abortEntry, aborts bool) {
	id := b.ProducerID()
	if id < 0 {
		return abortEntry{}, false
	}
	p := t.byID[id]
	if p != nil && len(p.recent) > 0 && p.recent[len(p.recent)-1].base >= b.BaseOffset() {
		return abortEntry{}, false // known: recovery reads some batches once more
	}
	if p == nil {
		p = newProducer(batch.NoProducerEpoch)
		t.byID[id] = p
	}
	p.seen = now
	if b.Attributes().Control() {
		return t.addControl(p, b)
	}
	p.addData(b)
	if p.txn == nil && b.Attributes().Transactional() {
		p.txn = t.open(id, b.ProducerEpoch(), b.BaseOffset())
	}
	return abortEntry{}, false
}

// addData notes the sequence numbers of b.
func (p *producer) addData(b batch.Batch) {
	if epoch := b.ProducerEpoch(); p.epoch != epoch {
		p.epoch, p.recent = epoch, p.recent[:0]
	}
	if len(p.recent) == producerWindow {
		p.recent = append(p.recent[:0], p.recent[1:]...)
	}
	p.recent = append(p.recent, producedBatch{b.BaseSequence(), b.LastSequence(), b.BaseOffset(), b.LastOffset()})
}

// addControl notes the epochs of the control batch b, and ends the transaction
// that its marker ends. Compaction removes the marker once it has removed the
// transaction's records, so a batch without one ends nothing.
func (t *producerTable) addControl(p *producer, b batch.Batch) (abortEntry, bool) {
	if epoch := b.ProducerEpoch(); p.epoch != epoch {
		p.epoch = epoch
		p.recent = append(p.recent[:0], producedBatch{batch.NoSequence, batch.NoSequence, b.BaseOffset(), b.LastOffset()})
	}
	m, ok := b.Marker()
	if !ok {
		return abortEntry{}, false
	}
	p.coordinatorEpoch = m.CoordinatorEpoch
	if p.txn == nil {
		return abortEntry{}, false
	}
	txn := p.txn
	p.txn = nil
	t.end(txn, b.BaseOffset())
	if m.Commit {
		return abortEntry{}, false
	}
	return abortEntry{producer: m.ProducerID, first: txn.first, last: b.LastOffset(), stable: t.undecided(b.NextOffset())}, true
}

// below is a copy of the table as it was before the batch at offset, as far as
// that is known: a producer's epochs stay, and what remains of one without
// batches is those. The markers at or after offset must not have been forgotten
// (see transactions.passed).
func (t *producerTable) below(offset int64) *producerTable {
	out := &producerTable{byID: make(map[int64]*producer, len(t.byID))}
	for id, p := range t.byID {
		q := newProducer(p.epoch)
		q.coordinatorEpoch, q.seen = p.coordinatorEpoch, p.seen
		for _, r := range p.recent {
			if r.last < offset {
				q.recent = append(q.recent, r)
			}
		}
		out.byID[id] = q
	}
	for _, txn := range t.openAt(offset) {
		out.reopen(txn.producer, txn.epoch, txn.first)
	}
	return out
}

// reopen adds a transaction that is open, of a producer that may be unknown.
func (t *producerTable) reopen(id int64, epoch int16, first int64) {
	p := t.byID[id]
	if p == nil {
		p = newProducer(batch.NoProducerEpoch)
		t.byID[id] = p
	}
	p.txn = &transaction{id, epoch, first, noMarker}
	i, _ := slices.BinarySearchFunc(t.unstable, first, func(x *transaction, o int64) int { return cmp.Compare(x.first, o) })
	t.unstable = slices.Insert(t.unstable, i, p.txn)
}

// expire forgets producers not seen since before now-age
// (Kafka: producer.id.expiration.ms), except those with an open transaction.
func (t *producerTable) expire(now int64, age time.Duration) {
	maps.DeleteFunc(t.byID, func(_ int64, p *producer) bool { return p.txn == nil && now-p.seen > age.Milliseconds() })
}
