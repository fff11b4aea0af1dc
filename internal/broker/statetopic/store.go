package statetopic

import (
	"context"
	"errors"
)

// ErrTooLarge is wrapped by the errors of a Store that refuses a record batch
// for its size.
var ErrTooLarge = errors.New("record batch too large")

// Store is an internal topic. Its methods may be called concurrently.
type Store interface {
	// Partitions returns the number of partitions, 0 if there is no such topic.
	// Once there is, the number never changes.
	Partitions() int32
	// Create creates the topic, compacted, and returns its number of
	// partitions. If it exists, Create only returns the number.
	Create(ctx context.Context) (int32, error)
	// Append appends one whole record batch v2 and keeps nothing of batch. done
	// is called once, from any goroutine and perhaps before Append returns, when
	// the batch is durable or the append has failed.
	Append(partition int32, batch []byte, done func(error))
	// Read calls fn with what the partition holds, from its start to its high
	// watermark, in runs of one or more whole record batches. It keeps
	// going until fn returns an error, which it returns.
	Read(ctx context.Context, partition int32, fn func(batches []byte) error) error
}
