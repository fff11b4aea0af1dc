package index

import "slices"

// A slot is a hash of a field's value, and where the record is that has it: the
// upper 44 bits of the hash, and the offset as a distance from a base. Sorted as
// numbers, slots are in the order of hashes, and of offsets for one hash.
const (
	deltaBits = 20
	deltaMask = 1<<deltaBits - 1
	// maxSpan is how many offsets a base can be used for.
	maxSpan = 1 << deltaBits
)

func newSlot(hash uint64, delta int64) uint64 { return hash&^deltaMask | uint64(delta) }

// sortSlots sorts slots that are in the order of their offsets: from the lowest
// digit of the hash up, each pass leaving equals as they are. For as many as a
// block has, that is several times as fast as comparing.
func sortSlots(slots []uint64) {
	const digit, few = 11, 1 << 10
	if len(slots) < few {
		slices.Sort(slots)
		return
	}
	from, to := slots, make([]uint64, len(slots))
	for shift := deltaBits; shift < 64; shift += digit {
		var at [1 << digit]int
		for _, s := range from {
			at[s>>shift&(1<<digit-1)]++
		}
		sum := 0
		for i, n := range at {
			at[i] = sum
			sum += n
		}
		for _, s := range from {
			d := s >> shift & (1<<digit - 1)
			to[at[d]] = s
			at[d]++
		}
		from, to = to, from
	}
	// 44 bits are four digits: after an even number of passes all is in its place.
}

// A zone is what is known of the time of some records: those whose offsets
// divided by zoneSize give its number.
type zone struct {
	number   int64
	min, max int64 // timestamps, ms
}

const zoneBits = 12

func zoneOf(offset int64) int64 { return offset >> zoneBits }

// addZone notes a record's time; offsets rise.
func addZone(zones []zone, offset, timestamp int64) []zone {
	return joinZone(zones, zone{zoneOf(offset), timestamp, timestamp})
}

// joinZone appends a zone, or adds it to the last one if it is the same.
func joinZone(zones []zone, z zone) []zone {
	if n := len(zones); n > 0 && zones[n-1].number == z.number {
		last := &zones[n-1]
		last.min, last.max = min(last.min, z.min), max(last.max, z.max)
		return zones
	}
	return append(zones, z)
}
