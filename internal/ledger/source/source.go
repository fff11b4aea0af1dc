// Package source says how the ledger reads partitions: what a [Reader] is, of which
// there is one that asks a Kafka cluster, and one that looks into the log of the same
// process. It reads nothing itself.
package source

import (
	"context"
	"time"
)

// A Key names a partition of one topic, which may have had the same name before.
type Key struct {
	ID     [16]byte // of the topic
	Number int32
}

// A Partition is one that is to be read.
type Partition struct {
	Key
	Topic string
}

// An Answer is what a reader has found in a partition.
type Answer struct {
	Key
	// Err is Kafka's error (package kerr) if nothing could be read, which
	// kerr.OffsetOutOfRange is, too. The other fields mean nothing then.
	Err error
	// LogStart and HighWatermark are the log's.
	LogStart, HighWatermark int64
	// Batches are whole record batches, of which the first has the offset that was
	// wanted, or the next that is there, and the last may be cut short. There may be
	// none. All of them are below the high watermark. Their CRC has not been checked.
	// They must not be changed, nor kept after Take has returned.
	Batches []byte
}

// A Take is given what was found, of one partition at a time, in order. It returns
// from which offset on the partition is to be read next. Without goOn the partition is
// left alone until it is wanted again.
type Take func(Answer) (next int64, goOn bool)

// A Reader reads what comes next in any number of partitions, as they were wanted:
// all that is below the high watermark, control records and aborted ones included.
// It is for one goroutine.
//
// A busy partition keeps no other from being read: each has its turn. Partitions where
// nothing happens cost next to nothing, however many there are.
type Reader interface {
	// Want reads a partition from an offset on. One that is read already goes on
	// there.
	Want(p Partition, offset int64)
	// Forget reads a partition no more.
	Forget(Key)
	// Read waits until there is something in any partition, or that long, and gives
	// take what there is: records, errors, and log starts that rose. It returns
	// after each partition's turn. An error is of all partitions of the reader, and
	// not of one; the next Read tries again. The end of ctx is none.
	Read(ctx context.Context, patience time.Duration, take Take) error
	// Close ends the reader, which then must not be used.
	Close()
}
