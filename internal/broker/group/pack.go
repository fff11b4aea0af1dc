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

// pack puts records into record batches and passes each to emit, which must
// not keep it. now is their timestamp, in ms since the epoch.
func pack(b *batch.Builder, records []record, now int64, emit func(batch.Batch)) error {
	b.Reset(batch.Head{})
	for _, r := range records {
		if b.Count() > 0 && b.Size()+len(r.key)+len(r.value)+recordOverhead > packBytes {
			if err := flush(b, emit); err != nil {
				return err
			}
		}
		if err := b.Append(batch.Record{Timestamp: now, Key: r.key, Value: r.value}); err != nil {
			return fmt.Errorf("record of %d bytes: %w", len(r.key)+len(r.value), err)
		}
	}
	return flush(b, emit)
}

func flush(b *batch.Builder, emit func(batch.Batch)) error {
	built, err := b.Build()
	if err != nil {
		return fmt.Errorf("build a batch of %d records: %w", b.Count(), err)
	}
	emit(built)
	b.Reset(batch.Head{})
	return nil
}
