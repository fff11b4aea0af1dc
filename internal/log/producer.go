package log

import (
	"fmt"
	"maps"
	"time"

	"github.com/evidentlog/evident/internal/log/batch"
)

// producerWindow is how many batches of a producer are remembered to recognise
// one that is sent again. An idempotent producer has at most five in flight.
const producerWindow = 5

// producerTable is what a partition knows of its idempotent producers, by
// producer id (KIP-98). It is guarded by the partition's lock.
type producerTable map[int64]*producer

// producer is what is known of one producer id.
type producer struct {
	epoch  int16
	recent []producedBatch // oldest first, at most producerWindow
	seen   int64           // ms since the epoch; for expiry
}

// producedBatch tells where a batch of a producer lies.
type producedBatch struct {
	firstSeq, lastSeq int32
	base, last        int64 // offsets
}

// check tells whether b may be appended. A batch that is in the log already is
// returned as dup.
func (t producerTable) check(b batch.Batch) (dup *producedBatch, err error) {
	p := t[b.ProducerID()]
	if b.ProducerID() < 0 || p == nil {
		return nil, nil
	}
	epoch, seq := b.ProducerEpoch(), b.BaseSequence()
	switch {
	case epoch < p.epoch:
		return nil, fmt.Errorf("%w: producer %d has epoch %d, the batch %d", ErrProducerFenced, b.ProducerID(), p.epoch, epoch)
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

// add notes that b is in the log at the offsets it carries.
func (t producerTable) add(b batch.Batch, now int64) {
	id := b.ProducerID()
	if id < 0 {
		return
	}
	p := t[id]
	if p != nil && len(p.recent) > 0 && p.recent[len(p.recent)-1].base >= b.BaseOffset() {
		return // known: recovery reads some batches once more
	}
	if p == nil || p.epoch != b.ProducerEpoch() {
		p = &producer{epoch: b.ProducerEpoch(), recent: make([]producedBatch, 0, producerWindow)}
		t[id] = p
	}
	p.seen = now
	if b.BaseSequence() < 0 {
		return // a control batch carries the epoch only
	}
	if len(p.recent) == producerWindow {
		p.recent = append(p.recent[:0], p.recent[1:]...)
	}
	p.recent = append(p.recent, producedBatch{b.BaseSequence(), b.LastSequence(), b.BaseOffset(), b.LastOffset()})
}

// below is a copy of the table without the batches at or after offset. What
// remains of a producer without batches is its epoch.
func (t producerTable) below(offset int64) producerTable {
	out := make(producerTable, len(t))
	for id, p := range t {
		q := &producer{epoch: p.epoch, seen: p.seen, recent: make([]producedBatch, 0, producerWindow)}
		for _, r := range p.recent {
			if r.last < offset {
				q.recent = append(q.recent, r)
			}
		}
		out[id] = q
	}
	return out
}

// expire forgets producers not seen since before now-age
// (Kafka: producer.id.expiration.ms).
func (t producerTable) expire(now int64, age time.Duration) {
	maps.DeleteFunc(t, func(_ int64, p *producer) bool { return now-p.seen > age.Milliseconds() })
}
