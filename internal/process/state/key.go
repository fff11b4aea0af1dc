package state

import "encoding/binary"

// Keys in Pebble begin with the task's partition and one of these:
// docs/format/processor-state.md.
const (
	kindPosition = 0
	kindData     = 1 // then the key of a change
	kindExpiry   = 2 // then milliseconds since 1970, 8 bytes, and the key of a change
	kindEnd      = 3
)

// taskPrefix is how many bytes of a key say whose it is, and of what kind.
const taskPrefix = 5

func appendPrefix(b []byte, partition int32, kind byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(partition)), kind)
}

// expiryGrain is how exactly the index knows when a value expires that was put for so
// many milliseconds: to a 64th of that, rounded down to a power of two, and to a second
// at least. So a key that is put again and again has 128 entries in the index at most.
func expiryGrain(ttl int64) int64 {
	grain := int64(1024)
	for grain*128 <= ttl {
		grain *= 2
	}
	return grain
}

// expirySlot is where in the index something is that expires then and was put now: never
// before it expires.
func expirySlot(until, now int64) int64 {
	grain := expiryGrain(until - now)
	if until > (1<<63-1)-grain {
		return until
	}
	return (until + grain - 1) / grain * grain
}

func appendExpiry(b []byte, partition int32, slot int64, change []byte) []byte {
	b = appendPrefix(b, partition, kindExpiry)
	return append(binary.BigEndian.AppendUint64(b, uint64(slot)), change...)
}

// after is the least key that is greater than all that begin with b, whose last byte
// must be less than 255.
func after(b []byte) []byte {
	end := append([]byte(nil), b...)
	end[len(end)-1]++
	return end
}

func partitionOf(key []byte) int32 { return int32(binary.BigEndian.Uint32(key)) }
