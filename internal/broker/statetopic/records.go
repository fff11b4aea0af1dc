package statetopic

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kbin"

	"github.com/evidentlog/evident/internal/log/batch"
)

// ErrVersion means that a value was written by a later Kafka or Evident.
var ErrVersion = errors.New("unknown version")

// EachBatch passes whole batches to fn, one by one, after their checksum has
// been checked, which a start after a clean stop has not done.
func EachBatch(raw []byte, fn func(batch.Batch) error) error {
	for len(raw) > 0 {
		b, rest, err := batch.Next(raw)
		if err != nil {
			return err
		}
		raw = rest
		if err := b.Check(); err != nil {
			return fmt.Errorf("batch at offset %d: %w", b.BaseOffset(), err)
		}
		if err := fn(b); err != nil {
			return err
		}
	}
	return nil
}

// EachRecord passes the records of b to fn. They alias b.
func EachRecord(codecs *batch.Codecs, b batch.Batch, fn func(batch.Record) error) error {
	for r, err := range codecs.Records(b) {
		if err != nil {
			return fmt.Errorf("batch at offset %d: %w", b.BaseOffset(), err)
		}
		if err := fn(r); err != nil {
			return fmt.Errorf("record at offset %d: %w", r.Offset, err)
		}
	}
	return nil
}

// ReadVersioned reads a value that begins with its version, at most highest. The
// error wraps ErrVersion if it is above.
func ReadVersioned(src []byte, highest int16, value interface{ ReadFrom([]byte) error }) error {
	b := kbin.Reader{Src: src}
	if version := b.Int16(); b.Ok() && (version < 0 || version > highest) {
		return fmt.Errorf("%w %d, the highest known is %d", ErrVersion, version, highest)
	}
	return value.ReadFrom(src)
}
