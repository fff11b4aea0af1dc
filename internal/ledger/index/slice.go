package index

import (
	"slices"
	"sort"
)

// A slice is a run of offsets with all that the index knows of them.
type slice struct {
	first, next int64 // the offsets that it covers
	base        int64 // of slots; no record lies before it
	records     int64
	slots       [fields][]uint64 // in the order of offsets, or sorted
	zones       []zone
}

// An item is what the index keeps of a record.
type item struct {
	offset    int64
	timestamp int64
	hashes    [fields]uint64
	has       uint8 // a bit for each field that the record has
}

// fits tells whether slots of an offset can have the slice's base.
func (s *slice) fits(offset int64) bool { return s.records == 0 || offset-s.base < maxSpan }

// add adds a record that fits. Offsets rise.
func (s *slice) add(it *item) {
	if s.records == 0 {
		s.base = it.offset
	}
	s.records++
	for f := range fields {
		if it.has&(1<<f) != 0 {
			s.slots[f] = append(s.slots[f], newSlot(it.hashes[f], it.offset-s.base))
		}
	}
	s.zones = addZone(s.zones, it.offset, it.timestamp)
}

// size is the memory that slots take, in bytes.
func (s *slice) size() (n int64) {
	for f := range s.slots {
		n += 8 * int64(cap(s.slots[f]))
	}
	return n
}

// sort puts slots in the order that blocks have.
func (s *slice) sort() {
	for f := range s.slots {
		sortSlots(s.slots[f])
	}
}

// find returns where one hash of a field is, in rising order. The slots are in
// the order of offsets.
func (s *slice) find(f Field, hash uint64) (offsets []int64) {
	want := hash &^ deltaMask
	for _, slot := range s.slots[f] {
		if slot&^deltaMask == want {
			offsets = append(offsets, s.base+int64(slot&deltaMask))
		}
	}
	return offsets
}

// timed returns the zones that have records from a time until another.
func timed(zones []zone, since, until int64) (some []zone) {
	for _, z := range zones {
		if z.min < until && z.max >= since {
			some = append(some, z)
		}
	}
	return some
}

// inZones leaves those of rising offsets that are in one of some zones.
func inZones(offsets []int64, zones []zone) []int64 {
	return slices.DeleteFunc(offsets, func(offset int64) bool {
		n := zoneOf(offset)
		i := sort.Search(len(zones), func(i int) bool { return zones[i].number >= n })
		return i == len(zones) || zones[i].number != n
	})
}
