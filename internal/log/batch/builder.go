package batch

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Head is what a batch says of all its records. The zero value is a batch at
// offset 0, uncompressed, of no idempotent producer.
type Head struct {
	BaseOffset  int64
	LeaderEpoch int32
	Codec       Codec
	// AppendTime, in ms since the epoch, stamps the batch (LogAppendTime) if it
	// is not 0. Else records keep their own timestamps.
	AppendTime int64
	// Producer is nil if the producer is not idempotent.
	Producer      *Producer
	Transactional bool
	Control       bool
	// DeleteHorizon, in ms since the epoch, is set if it is not 0 (KIP-534).
	DeleteHorizon int64
}

// Producer identifies a batch of an idempotent producer (KIP-98).
type Producer struct {
	ID       int64
	Epoch    int16
	Sequence int32 // of the record at the base offset
}

func (h *Head) attributes() Attributes {
	codec := min(h.Codec, Codec(maskCodec)) // one that is unknown stays unknown
	return Attributes(codec) |
		when(h.AppendTime != 0, flagLogAppendTime) |
		when(h.Transactional, flagTransactional) |
		when(h.Control, flagControl) |
		when(h.DeleteHorizon != 0, flagDeleteHorizon)
}

func when(set bool, flag Attributes) Attributes {
	if set {
		return flag
	}
	return 0
}

func (h *Head) producer() Producer {
	if h.Producer == nil {
		return Producer{NoProducerID, NoProducerEpoch, NoSequence}
	}
	return *h.Producer
}

// Builder makes a batch of records. Its memory is reused from one batch to the
// next. It must not be used concurrently.
type Builder struct {
	codecs *Codecs

	// The header's fields.
	baseOffset  int64
	leaderEpoch int32
	attributes  Attributes
	producer    Producer
	appendTime  int64 // of a batch that is stamped
	base        int64 // base timestamp, once hasBase: that of the first record, or the delete horizon
	hasBase     bool
	max         int64 // largest timestamp
	last        int64 // last offset; before the first record, baseOffset-1
	count       int32

	plain  []byte // room for the header, then the records
	packed []byte // the batch, if it is compressed
}

// NewBuilder makes a builder that has been reset to h.
func (c *Codecs) NewBuilder(h Head) *Builder {
	b := &Builder{codecs: c, plain: make([]byte, HeaderSize)}
	b.Reset(h)
	return b
}

// Reset starts a new batch. The batch that Build made before is overwritten.
func (b *Builder) Reset(h Head) {
	*b = Builder{
		codecs:      b.codecs,
		baseOffset:  h.BaseOffset,
		leaderEpoch: h.LeaderEpoch,
		attributes:  h.attributes(),
		producer:    h.producer(),
		appendTime:  h.AppendTime,
		base:        h.DeleteHorizon,
		hasBase:     h.DeleteHorizon != 0,
		max:         NoTimestamp,
		last:        h.BaseOffset - 1,
		plain:       b.plain[:HeaderSize],
		packed:      b.packed,
	}
}

// Count is the number of records so far.
func (b *Builder) Count() int { return int(b.count) }

// Size is the number of bytes that the batch has so far, uncompressed.
func (b *Builder) Size() int { return len(b.plain) }

// Append adds a record at the next offset; r.Offset is ignored. Its bytes are
// copied. The error wraps ErrInvalidRecord, and then nothing was added.
func (b *Builder) Append(r Record) error {
	r.Offset = b.last + 1
	return b.AppendAt(r)
}

// AppendAt adds a record at r.Offset, which must be above the one before, but
// may leave a gap. Its bytes are copied. The error wraps ErrInvalidRecord, and then
// nothing was added.
func (b *Builder) AppendAt(r Record) error {
	delta := r.Offset - b.baseOffset
	if r.Offset <= b.last || delta > math.MaxInt32-1 {
		return blame(b.count, "offset %d, after %d in a batch from %d", r.Offset, b.last, b.baseOffset)
	}
	if !b.hasBase {
		b.base, b.hasBase = r.Timestamp, true
	}
	if subClamped(r.Timestamp, b.base) != r.Timestamp-b.base {
		return blame(b.count, "timestamp %d is too far from %d", r.Timestamp, b.base)
	}
	fields := raw{r.Timestamp - b.base, int32(delta), r.Key, r.Value, r.Headers}
	if size := fields.bodySize(); size > math.MaxInt32-len(b.plain) {
		return blame(b.count, "%d bytes are too many for a batch that has %d", size, len(b.plain))
	}
	b.plain = fields.append(b.plain)
	b.added(r.Offset, r.Timestamp)
	return nil
}

// added counts a record whose bytes have been appended.
func (b *Builder) added(offset, timestamp int64) {
	b.count++
	b.last = offset
	b.max = max(b.max, timestamp)
}

// SetProducer names the idempotent producer; it may be called until Build, and again
// for a further Build with the same records.
func (b *Builder) SetProducer(p Producer) { b.producer = p }

// Mark is a place in a batch that is being built, to which [Builder.Undo] goes back.
type Mark struct {
	base, max, last int64
	hasBase         bool
	count           int32
	size            int
}

// Mark is where the batch is now.
func (b *Builder) Mark() Mark {
	return Mark{b.base, b.max, b.last, b.hasBase, b.count, len(b.plain)}
}

// Undo takes back the records that were added since the mark, which must be of the
// same batch and not have been undone itself.
func (b *Builder) Undo(m Mark) {
	b.base, b.max, b.last, b.hasBase, b.count = m.base, m.max, m.last, m.hasBase, m.count
	b.plain = b.plain[:m.size]
}

// Build finishes the batch, which is valid until Reset. The error wraps
// ErrInvalidRecord if there are no records, ErrCompression if the codec is
// unknown.
func (b *Builder) Build() (Batch, error) {
	codec := b.attributes.Codec()
	switch {
	case b.count == 0:
		return nil, fmt.Errorf("%w: batch without records", ErrInvalidRecord)
	case codec == None:
		return b.finish(b.last, b.plain), nil
	}
	packed, err := b.codecs.compress(codec, append(b.packed[:0], b.plain[:HeaderSize]...), b.plain[HeaderSize:])
	if err != nil {
		return nil, err
	}
	b.packed = packed
	return b.finish(b.last, packed), nil
}

// finish writes the header of a batch whose payload is in place.
func (b *Builder) finish(last int64, batch Batch) Batch {
	if b.attributes.LogAppendTime() {
		b.max = b.appendTime
	}
	be := binary.BigEndian
	batch.SetBaseOffset(b.baseOffset)
	be.PutUint32(batch[posLength:], uint32(len(batch)-PrefixSize))
	batch.SetLeaderEpoch(b.leaderEpoch)
	batch[posMagic] = CurrentMagic
	batch.setAttributes(b.attributes)
	be.PutUint32(batch[posLastOffsetDelta:], uint32(last-b.baseOffset))
	be.PutUint64(batch[posBaseTimestamp:], uint64(b.base))
	batch.setMaxTimestamp(b.max)
	be.PutUint64(batch[posProducerID:], uint64(b.producer.ID))
	be.PutUint16(batch[posProducerEpoch:], uint16(b.producer.Epoch))
	be.PutUint32(batch[posBaseSequence:], uint32(b.producer.Sequence))
	be.PutUint32(batch[posCount:], uint32(b.count))
	batch.seal()
	return batch
}
