package batch

import (
	"fmt"
	"math"
)

// DefaultMaxDecompressed is the limit of [Rules.MaxDecompressed] if that is 0.
const DefaultMaxDecompressed = 256 << 20

// Rules are what a topic asks of a produced batch.
type Rules struct {
	// Now is the time of the append in ms since the epoch.
	Now int64
	// Before and After, in ms, bound how far a record's timestamp may lie from
	// Now (message.timestamp.before.max.ms, message.timestamp.after.max.ms).
	// They are not looked at with LogAppendTime.
	Before, After int64
	// LogAppendTime says that the caller is going to stamp the batch
	// ([Batch.StampAppendTime]), so the producer's timestamps do not matter.
	LogAppendTime bool
	// RequireKey refuses records without a key (cleanup.policy=compact).
	RequireKey bool
	// Coordinator allows a producer id without a sequence number: the batch is a
	// coordinator's part of somebody's transaction (KIP-98).
	Coordinator bool
	// MaxDecompressed limits the records' size in bytes once decompressed.
	// 0 means DefaultMaxDecompressed.
	MaxDecompressed int64
}

// Info is what validation learned of a batch.
type Info struct {
	Count int32
	// MaxTimestamp is the largest timestamp of a record in ms since the epoch,
	// and MaxTimestampDelta the offset delta of the first record that has it.
	MaxTimestamp      int64
	MaxTimestampDelta int32
	// Uncompressed is the size of the records in bytes, decompressed.
	Uncompressed int64
}

// Validate checks a batch from a producer as Kafka's LogValidator does, record
// by record. If the header's MaxTimestamp is not the records' maximum it is
// corrected in place, CRC included, as Kafka does; nothing else of b is changed,
// and nothing at all on an error. Differences from Kafka are listed in
// docs/format/record-batch.md.
//
// The error wraps ErrShort, ErrMagic, ErrCorrupt, ErrCompression,
// ErrInvalidRecord or ErrTimestamp. It is a *RecordError if one record is broken,
// and a Rejection if the batch is sound and records break the rules. Uncompressed batches are validated without an allocation. Compressed
// ones are decompressed through a window of fixed size, so memory is bounded
// whatever they claim; snappy, which cannot stream, is bounded by its blocks'
// size, at most 22 times their compressed size.
func (c *Codecs) Validate(b Batch, rules Rules) (Info, error) {
	if err := b.checkBytes(); err != nil {
		return Info{}, err
	}
	if err := b.checkHeader(&rules); err != nil {
		return Info{}, err
	}
	w := newWalker(b, rules)
	size, err := c.walk(&w, b, rules.MaxDecompressed)
	if err != nil {
		return Info{}, err
	}
	if err := w.rejection(); err != nil {
		return Info{}, err
	}
	info := w.info()
	info.Uncompressed = size
	if !rules.LogAppendTime && b.MaxTimestamp() != info.MaxTimestamp {
		b.setMaxTimestamp(info.MaxTimestamp)
		b.seal()
	}
	return info, nil
}

// walk takes w through b's records and returns their decompressed size.
func (c *Codecs) walk(w *walker, b Batch, limit int64) (int64, error) {
	payload := b.Payload()
	if b.Attributes().Codec() == None {
		return int64(len(payload)), w.plain(payload)
	}
	if limit == 0 {
		limit = DefaultMaxDecompressed
	}
	return c.walkCompressed(w, b, limit)
}

// checkHeader verifies what a producer may say in a header.
func (b Batch) checkHeader(rules *Rules) error {
	attributes := b.Attributes()
	if codec := attributes.Codec(); !codec.Known() {
		return fmt.Errorf("%w: %v", ErrCompression, codec)
	}
	if attributes.LogAppendTime() {
		return fmt.Errorf("%w: producers must not set the timestamp type to LogAppendTime", ErrTimestamp)
	}
	if taboo := attributes & (flagControl | flagDeleteHorizon | maskReserved); taboo != 0 {
		return fmt.Errorf("%w: producers must not set the batch attributes %#x", ErrInvalidRecord, uint16(taboo))
	}
	if offset := b.BaseOffset(); offset != 0 {
		return fmt.Errorf("%w: base offset is %d, want 0", ErrInvalidRecord, offset)
	}
	count, delta := b.Count(), b.LastOffsetDelta()
	if count < 1 || delta != count-1 {
		return fmt.Errorf("%w: %d records, but the last offset delta is %d", ErrInvalidRecord, count, delta)
	}
	return b.checkProducer(rules)
}

// checkProducer verifies id, epoch and sequence of an idempotent producer.
func (b Batch) checkProducer(rules *Rules) error {
	id, epoch, sequence := b.ProducerID(), b.ProducerEpoch(), b.BaseSequence()
	switch {
	case id >= 0 && (epoch < 0 || sequence < 0 && !rules.Coordinator):
		return fmt.Errorf("%w: producer %d has epoch %d and base sequence %d", ErrInvalidRecord, id, epoch, sequence)
	case id < NoProducerID:
		return fmt.Errorf("%w: producer id is %d", ErrInvalidRecord, id)
	case id == NoProducerID && b.Attributes().Transactional():
		return fmt.Errorf("%w: transactional batch without a producer id", ErrInvalidRecord)
	}
	return nil
}

// timestamps gives the first and last timestamp that the rules allow.
func (r *Rules) timestamps() (first, last int64) {
	if r.LogAppendTime {
		return math.MinInt64, math.MaxInt64
	}
	return addClamped(r.Now, -r.Before), addClamped(r.Now, r.After)
}

// addClamped is a+b, or the nearest int64.
func addClamped(a, b int64) int64 {
	sum := a + b
	if (a^sum)&(b^sum) >= 0 {
		return sum
	}
	if a < 0 {
		return math.MinInt64
	}
	return math.MaxInt64
}
