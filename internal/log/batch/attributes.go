package batch

import "strconv"

// Attributes are the flags of a batch. Bits 7 to 15 are reserved.
type Attributes uint16

const (
	maskCodec         Attributes = 0x07
	flagLogAppendTime Attributes = 0x08
	flagTransactional Attributes = 0x10
	flagControl       Attributes = 0x20
	flagDeleteHorizon Attributes = 0x40
	maskReserved      Attributes = 0xff80
)

// Codec is the compression of the records.
func (a Attributes) Codec() Codec { return Codec(a & maskCodec) }

// LogAppendTime tells that MaxTimestamp, the time of the append, is the
// timestamp of every record (KIP-32).
func (a Attributes) LogAppendTime() bool { return a&flagLogAppendTime != 0 }

// Transactional tells that the records belong to a transaction (KIP-98).
func (a Attributes) Transactional() bool { return a&flagTransactional != 0 }

// Control tells that the batch holds a transaction's marker instead of
// records for consumers (KIP-98).
func (a Attributes) Control() bool { return a&flagControl != 0 }

// DeleteHorizon tells that BaseTimestamp is the delete horizon (KIP-534).
func (a Attributes) DeleteHorizon() bool { return a&flagDeleteHorizon != 0 }

// Codec is a compression, numbered as in a batch's attributes.
type Codec uint8

// The compressions that Kafka knows.
const (
	None Codec = iota
	Gzip
	Snappy // in xerial's framing when written, with or without it when read
	LZ4    // the frame format
	Zstd   // KIP-110
)

// Known tells whether c is one of the constants.
func (c Codec) Known() bool { return c <= Zstd }

// String is the name that Kafka's compression.type uses.
func (c Codec) String() string {
	switch c {
	case None:
		return "none"
	case Gzip:
		return "gzip"
	case Snappy:
		return "snappy"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return "codec " + strconv.Itoa(int(c))
}
