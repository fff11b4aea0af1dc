package seen

import (
	"encoding/binary"
	"math/bits"
)

const (
	// bucketLen is how many slots a bucket has: a byte of hash, and the last 32 bits of
	// the number of an entry.
	bucketLen  = 12
	bucketSize = 64 // a cache line: 12 bytes of hash, 4 unused, 12 numbers
	tagsSize   = 16
	// longestWalk is how many entries are moved to make room for one before the part
	// grows. It is full to 95 percent then.
	longestWalk = 64
)

// A part of the index is a table of buckets. An entry is in one of two.
type part struct {
	buckets uint32
	region  *region
}

// A bucket is the bytes of one.
type bucket []byte

// tagged is what a slot has.
type tagged struct {
	tag    byte
	number uint32
}

func newPart(buckets int) part {
	return part{uint32(buckets), newRegion(buckets * bucketSize)}
}

// place makes a fraction the number of a bucket.
func (p *part) place(fraction uint32) uint32 {
	return uint32(uint64(fraction) * uint64(p.buckets) >> 32)
}

func (p *part) bucket(place uint32) bucket {
	return p.region.bytes[int(place)*bucketSize:][:bucketSize:bucketSize]
}

func (b bucket) number(slot int) uint32 { return binary.LittleEndian.Uint32(b[tagsSize+4*slot:]) }

func (b bucket) set(slot int, tag byte, number uint32) {
	b[slot] = tag
	binary.LittleEndian.PutUint32(b[tagsSize+4*slot:], number)
}

func (b bucket) get(slot int) tagged { return tagged{b[slot], b.number(slot)} }

// matches has a bit for each slot with a tag.
func (b bucket) matches(tag byte) uint32 {
	all := uint64(tag) * 0x0101010101010101
	low := zeros(binary.LittleEndian.Uint64(b) ^ all)
	high := zeros(binary.LittleEndian.Uint64(b[8:]) ^ all)
	return (low | high<<8) & (1<<bucketLen - 1)
}

// zeros has a bit for each byte that is 0.
func zeros(v uint64) uint32 {
	const seven = 0x7f7f7f7f7f7f7f7f
	high := ^((v&seven + seven) | v | seven) // 0x80 in each byte that is 0
	return uint32(high >> 7 * 0x0102040810204080 >> 56)
}

// free finds a slot without an entry of the queue.
func (x *index) free(b bucket) (slot int, ok bool) {
	if m := b.matches(0); m != 0 {
		return bits.TrailingZeros32(m), true
	}
	for slot := range bucketLen {
		if _, ok := x.live(b.number(slot)); !ok {
			return slot, true
		}
	}
	return 0, false
}

// place puts an entry into one of its two buckets, and moves others from there to their
// second one if it has to. If that does not help, one is left over.
func (x *index) place(p *part, h hash, t tagged) (left tagged, ok bool) {
	if p.buckets == 0 {
		return t, false
	}
	one, two := p.place(h.one), p.place(h.two)
	if x.putIn(p.bucket(one), t) || x.putIn(p.bucket(two), t) {
		return tagged{}, true
	}
	for at, step := two, 0; step < longestWalk; step++ {
		b, slot := p.bucket(at), x.draw()
		moved := b.get(slot)
		b.set(slot, t.tag, t.number)
		t, at = moved, x.other(p, moved, at)
		if x.putIn(p.bucket(at), t) {
			return tagged{}, true
		}
	}
	return t, false
}

// putIn puts an entry into a free slot of a bucket.
func (x *index) putIn(b bucket, t tagged) bool {
	slot, ok := x.free(b)
	if ok {
		b.set(slot, t.tag, t.number)
	}
	return ok
}

// other is the second place of an entry of the queue that is in one.
func (x *index) other(p *part, t tagged, at uint32) uint32 {
	h := x.hashOf(t.number)
	if one := p.place(h.one); one != at {
		return one
	}
	return p.place(h.two)
}

// hashOf is the hash of the entry with a number, which is in the queue.
func (x *index) hashOf(short uint32) hash {
	number, _ := x.live(short)
	return x.hash(idOf(x.queue.at(number)))
}

// draw is a slot at random (xorshift).
func (x *index) draw() int {
	x.random ^= x.random << 13
	x.random ^= x.random >> 7
	x.random ^= x.random << 17
	return int(x.random % bucketLen)
}

// grow makes a part larger, and then has what was left over in it, too.
func (x *index) grow(p *part, left tagged) {
	for buckets := int(p.buckets); ; {
		buckets = x.larger(buckets)
		larger := newPart(buckets)
		if x.move(p, &larger, left) {
			if p.region != nil {
				p.region.free()
			}
			*p = larger
			return
		}
		larger.region.free()
	}
}

// larger is how many buckets a part has next: twice as many, such that it is as large as
// the limit needs it when there are as many ids, and not more; beyond that, which is rare,
// a quarter more.
func (x *index) larger(buckets int) int {
	if buckets >= x.whole {
		return buckets + buckets/4 + 1
	}
	next := x.whole
	for next/2 > buckets {
		next /= 2
	}
	return next
}

// bucketsFor is how many are surely enough for so many ids of a part: 94 percent of their
// slots with 2 percent more ids than its share.
func bucketsFor(ids int) int { return ids*109/(100*bucketLen) + 1 }

// move has all entries of a part in another one, and what is left over.
func (x *index) move(from, to *part, left tagged) bool {
	if _, ok := x.place(to, x.hashOf(left.number), left); !ok {
		return false
	}
	for place := range from.buckets {
		b := from.bucket(place)
		for slot := range bucketLen {
			t := b.get(slot)
			if _, live := x.live(t.number); t.tag == 0 || !live {
				continue
			}
			if _, ok := x.place(to, x.hashOf(t.number), t); !ok {
				return false
			}
		}
	}
	return true
}
