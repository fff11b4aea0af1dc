package group

import (
	"fmt"

	"github.com/evidentlog/evident/internal/log/batch"
)

// A write of many records is split, so that the tombstones of a large group
// stay below the topic's max.message.bytes.
const (
	packBytes      = 512 << 10 // of a batch, unless one record alone is larger
	recordOverhead = 32        // bytes of a record beyond key and value, at most
)

// packing is how records are put into record batches.
type packing struct {
	head  batch.Head
	limit int // bytes of a batch; 0: all records are to be in one
}

// pack puts records into record batches and passes each to emit, which must
// not keep it. now is their timestamp, in ms since the epoch.
func (p packing) pack(b *batch.Builder, records []record, now int64, emit func(batch.Batch)) error {
	b.Reset(p.head)
	for _, r := range records {
		if b.Count() > 0 && p.limit > 0 && b.Size()+len(r.key)+len(r.value)+recordOverhead > p.limit {
			if err := p.flush(b, emit); err != nil {
				return err
			}
		}
		if err := b.Append(batch.Record{Timestamp: now, Key: r.key, Value: r.value}); err != nil {
			return fmt.Errorf("record of %d bytes: %w", len(r.key)+len(r.value), err)
		}
	}
	return p.flush(b, emit)
}

func (p packing) flush(b *batch.Builder, emit func(batch.Batch)) error {
	built, err := b.Build()
	if err != nil {
		return fmt.Errorf("build a batch of %d records: %w", b.Count(), err)
	}
	emit(built)
	b.Reset(p.head)
	return nil
}
