package batch

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// Sizes and the version of the format.
const (
	// HeaderSize is the number of bytes before the records.
	HeaderSize = 61
	// PrefixSize is the number of bytes that the length field does not count:
	// base offset and the length field itself.
	PrefixSize = 12
	// PeekSize is the number of leading bytes that [Size] needs.
	PeekSize = posMagic + 1
	// CurrentMagic is the only format version that is read and written.
	CurrentMagic = 2
)

// Values that stand for "none" in a header.
const (
	NoTimestamp     = -1
	NoProducerID    = -1
	NoProducerEpoch = -1
	NoSequence      = -1
	NoLeaderEpoch   = -1
)

// Positions of the header fields.
const (
	posBaseOffset      = 0
	posLength          = 8
	posLeaderEpoch     = 12
	posMagic           = 16
	posCRC             = 17
	posAttributes      = 21 // the CRC covers everything from here on
	posLastOffsetDelta = 23
	posBaseTimestamp   = 27
	posMaxTimestamp    = 35
	posProducerID      = 43
	posProducerEpoch   = 51
	posBaseSequence    = 53
	posCount           = 57
)

// castagnoli is CRC32C, which hash/crc32 computes in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Batch is one whole record batch: header and records, no byte more. The
// accessors panic on fewer than [HeaderSize] bytes; [Next] and [Batch.Check]
// make sure of them. A Batch aliases the buffer that it was cut from.
type Batch []byte

// BaseOffset is the offset of the first record that the batch had when it was
// produced. Compaction may have removed that record since.
func (b Batch) BaseOffset() int64 { return int64(binary.BigEndian.Uint64(b[posBaseOffset:])) }

// LastOffset is the offset of the last record that the batch had when it was
// produced.
func (b Batch) LastOffset() int64 { return b.BaseOffset() + int64(b.LastOffsetDelta()) }

// NextOffset is the offset after the batch.
func (b Batch) NextOffset() int64 { return b.LastOffset() + 1 }

// Length is the size in bytes that the header claims, prefix included.
func (b Batch) Length() int64 {
	return PrefixSize + int64(int32(binary.BigEndian.Uint32(b[posLength:])))
}

// LeaderEpoch is the epoch of the leader that appended the batch (KIP-101).
func (b Batch) LeaderEpoch() int32 { return int32(binary.BigEndian.Uint32(b[posLeaderEpoch:])) }

// Magic is the format version.
func (b Batch) Magic() int8 { return int8(b[posMagic]) }

// CRC is the stored CRC32C.
func (b Batch) CRC() uint32 { return binary.BigEndian.Uint32(b[posCRC:]) }

// Attributes are the batch's flags.
func (b Batch) Attributes() Attributes {
	return Attributes(binary.BigEndian.Uint16(b[posAttributes:]))
}

// LastOffsetDelta is LastOffset minus BaseOffset.
func (b Batch) LastOffsetDelta() int32 { return int32(binary.BigEndian.Uint32(b[posLastOffsetDelta:])) }

// BaseTimestamp is the time, in ms since the epoch, to which the records'
// timestamps are relative; if the delete horizon flag is set, it is also that
// horizon (KIP-534).
func (b Batch) BaseTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[posBaseTimestamp:])) }

// MaxTimestamp is the largest timestamp of the batch in ms since the epoch, or
// the time of the append if the batch is stamped with it.
func (b Batch) MaxTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[posMaxTimestamp:])) }

// ProducerID is the id of the idempotent producer, or [NoProducerID].
func (b Batch) ProducerID() int64 { return int64(binary.BigEndian.Uint64(b[posProducerID:])) }

// ProducerEpoch is the epoch of the idempotent producer, or [NoProducerEpoch].
func (b Batch) ProducerEpoch() int16 { return int16(binary.BigEndian.Uint16(b[posProducerEpoch:])) }

// BaseSequence is the sequence number of the first record, or [NoSequence].
func (b Batch) BaseSequence() int32 { return int32(binary.BigEndian.Uint32(b[posBaseSequence:])) }

// LastSequence is the sequence number of the last record, or [NoSequence].
// After the largest int32 sequence numbers go on at 0.
func (b Batch) LastSequence() int32 {
	base := b.BaseSequence()
	if base == NoSequence {
		return NoSequence
	}
	return (base + b.LastOffsetDelta()) & math.MaxInt32
}

// Count is the number of records that are in the batch now.
func (b Batch) Count() int32 { return int32(binary.BigEndian.Uint32(b[posCount:])) }

// DeleteHorizon is the time, in ms since the epoch, from which on compaction may
// drop the batch's tombstones (KIP-534). ok is false if none has been set.
func (b Batch) DeleteHorizon() (ms int64, ok bool) {
	if !b.Attributes().DeleteHorizon() {
		return 0, false
	}
	return b.BaseTimestamp(), true
}

// Payload is what follows the header: the records, compressed or not.
func (b Batch) Payload() []byte { return b[HeaderSize:] }

// SetBaseOffset patches the base offset, which no CRC covers.
func (b Batch) SetBaseOffset(offset int64) {
	binary.BigEndian.PutUint64(b[posBaseOffset:], uint64(offset))
}

// SetLeaderEpoch patches the leader epoch, which no CRC covers.
func (b Batch) SetLeaderEpoch(epoch int32) {
	binary.BigEndian.PutUint32(b[posLeaderEpoch:], uint32(epoch))
}

// StampAppendTime makes ms (since the epoch) the timestamp of all records
// (message.timestamp.type=LogAppendTime) and renews the CRC.
func (b Batch) StampAppendTime(ms int64) {
	b.setAttributes(b.Attributes() | flagLogAppendTime)
	b.setMaxTimestamp(ms)
	b.seal()
}

func (b Batch) setAttributes(a Attributes) {
	binary.BigEndian.PutUint16(b[posAttributes:], uint16(a))
}

func (b Batch) setMaxTimestamp(ms int64) {
	binary.BigEndian.PutUint64(b[posMaxTimestamp:], uint64(ms))
}

// sum computes the CRC32C of what it covers.
func (b Batch) sum() uint32 { return crc32.Checksum(b[posAttributes:], castagnoli) }

// seal stores the CRC.
func (b Batch) seal() { binary.BigEndian.PutUint32(b[posCRC:], b.sum()) }
