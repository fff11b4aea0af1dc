package ledger

import (
	"context"

	"github.com/evidentlog/evident/internal/ledger/leaves"
	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

// Records reads a partition's log for [Ledger.Rebuild].
type Records interface {
	// Start is the log's first offset.
	Start() int64
	// Batches returns what stands from an offset on: whole batches, of which the last
	// may be cut short; none if the log does not have the offset. They are read
	// uncommitted, control records included.
	Batches(ctx context.Context, offset int64) ([]byte, error)
}

// A remaker makes entries of records and salts, as leaves were made of them first.
// It is [store.Remaker].
type remaker struct {
	codecs *batch.Codecs
	log    Records
	from   int64 // nothing of the log is in unread that is before it
	unread []byte
}

func newRemaker(codecs *batch.Codecs, log Records) *remaker {
	return &remaker{codecs: codecs, log: log}
}

// Remake implements store.Remaker. It reads each part of the log once if it is asked
// for rising offsets.
func (m *remaker) Remake(ctx context.Context, from int64, salts []proof.Salt) ([]store.Remade, error) {
	made := make([]store.Remade, len(salts))
	for i := range made {
		why := proof.Removed
		if from+int64(i) < m.log.Start() {
			why = proof.Expired
		}
		remakeLost(made, from, from+int64(i), salts, why)
	}
	end := from + int64(len(salts))
	for at := max(from, m.log.Start()); at < end; {
		b, err := m.batch(ctx, at)
		if err != nil {
			return nil, err
		}
		if b == nil || b.BaseOffset() >= end {
			break
		}
		m.take(made, b, from, salts)
		at = b.NextOffset()
	}
	return made, nil
}

// remakeLost makes the entry of an offset that has no record.
func remakeLost(made []store.Remade, from, offset int64, salts []proof.Salt, why proof.Reason) {
	lost := proof.LostRecord(why)
	remakeOne(made, from, offset, salts, &lost)
}

func remakeOne(made []store.Remade, from, offset int64, salts []proof.Salt, r *proof.Record) {
	i := offset - from
	if i < 0 || i >= int64(len(made)) || salts[i] == (proof.Salt{}) {
		return
	}
	made[i] = store.Remade{Entry: []byte(entryOf(offset, salts[i][:], r)), Lost: r.Kind == proof.Lost}
}

// take makes entries of the records of a batch. The ledger could not read either what
// cannot be read.
func (m *remaker) take(made []store.Remade, b batch.Batch, from int64, salts []proof.Salt) {
	next := b.BaseOffset()
	for r, err := range m.codecs.Records(b) {
		if err != nil {
			for ; next < min(b.NextOffset(), from+int64(len(salts))); next++ {
				remakeLost(made, from, next, salts, proof.Unreadable)
			}
			return
		}
		opened := leaves.Open(b, r)
		remakeOne(made, from, r.Offset, salts, &opened)
		next = r.Offset + 1
	}
}

// batch returns the batch that has an offset, or the next one; nil if there is none.
// One that is damaged is passed over: its offsets are as good as removed.
func (m *remaker) batch(ctx context.Context, offset int64) (batch.Batch, error) {
	if offset < m.from {
		m.unread = nil
	}
	for fetched := false; ; {
		first, rest, err := batch.Next(m.unread)
		switch {
		case err != nil && fetched:
			return nil, nil
		case err != nil:
			if m.unread, err = m.log.Batches(ctx, offset); err != nil {
				return nil, err
			}
			m.from, fetched = offset, true
		case first.LastOffset() < offset || first.Check() != nil:
			m.unread, m.from = rest, max(m.from, first.NextOffset())
		default:
			return first, nil
		}
	}
}
