package seen

import "encoding/binary"

// pageLen is how many entries a page has.
const pageLen = 1 << 16

// timeSize is that of a time in ms since 1970, which ends in the year 10889.
const (
	timeSize = 6
	maxTime  = 1<<(8*timeSize) - 1
)

// A queue has entries with numbers that follow one another: added at one end, and taken
// away at both. An entry is an id, a time, and a value.
type queue struct {
	first, next uint64 // what is in it: first up to, and without, next
	page        uint64 // the number of pages[0]
	pages       []*region
	stride      int
}

func (q *queue) len() int { return int(q.next - q.first) }

// at is the entry of a number for which there is a page.
func (q *queue) at(number uint64) []byte {
	page := q.pages[number/pageLen-q.page].bytes
	from := int(number%pageLen) * q.stride
	return page[from : from+q.stride]
}

// pushBack makes room for an entry at the end.
func (q *queue) pushBack() []byte {
	if len(q.pages) == 0 {
		q.page = q.next / pageLen
	}
	if q.next/pageLen-q.page == uint64(len(q.pages)) {
		q.pages = append(q.pages, newRegion(pageLen*q.stride))
	}
	q.next++
	return q.at(q.next - 1)
}

// pushFront makes room for an entry at the beginning, which is not number 0.
func (q *queue) pushFront() []byte {
	q.first--
	if page := q.first / pageLen; len(q.pages) == 0 || page < q.page {
		q.page = page
		q.pages = append([]*region{newRegion(pageLen * q.stride)}, q.pages...)
	}
	return q.at(q.first)
}

// popFront takes the first entry away.
func (q *queue) popFront() {
	q.first++
	if q.first/pageLen > q.page {
		q.pages[0].free()
		q.pages[0] = nil
		q.pages = q.pages[1:]
		q.page++
	}
}

// popBack takes the last entry away.
func (q *queue) popBack() {
	q.next--
	if q.next%pageLen == 0 {
		last := len(q.pages) - 1
		q.pages[last].free()
		q.pages[last] = nil
		q.pages = q.pages[:last]
	}
}

func idOf(entry []byte) ID { return ID(entry[:IDSize]) }

func timeOf(entry []byte) int64 {
	low, high := binary.LittleEndian.Uint32(entry[IDSize:]), binary.LittleEndian.Uint16(entry[IDSize+4:])
	return int64(high)<<32 | int64(low)
}

// fill writes an entry.
func fill(entry []byte, id ID, at int64, value []byte) {
	copy(entry, id[:])
	binary.LittleEndian.PutUint32(entry[IDSize:], uint32(at))
	binary.LittleEndian.PutUint16(entry[IDSize+4:], uint16(at>>32))
	copy(entry[IDSize+timeSize:], value)
}
