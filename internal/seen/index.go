package seen

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// partLen is about how many ids a part of the index has at most when the set is full: its
// growth is what one Add can take, some 20 ms.
const partLen = 1 << 18

// An index finds entries of a queue by their ids. It says nothing of entries that have
// left the queue at the front, and forgets them when it needs their place.
type index struct {
	queue  *queue
	parts  []part
	whole  int // how many buckets a part needs for its share of the limit
	secret [4]uint64
	random uint64 // of the walks; it decides about nothing but speed
}

// A hash says where in the index an id can be.
type hash struct {
	one, two uint32 // places in a part, as fractions of its buckets
	part     uint32
	tag      byte // not 0
}

func (x *index) init(q *queue, limit int) {
	x.queue = q
	x.parts = make([]part, 1<<bits.Len(uint((limit-1)/partLen)))
	x.whole = bucketsFor(limit / len(x.parts))
	var secret [32]byte
	rand.Read(secret[:]) // never fails
	for i := range x.secret {
		x.secret[i] = binary.LittleEndian.Uint64(secret[8*i:])
	}
	x.random = x.secret[0] | 1
}

// hash is that of an id: keyed, so that nobody can make ids that share their places.
func (x *index) hash(id ID) hash {
	low, high := binary.LittleEndian.Uint64(id[:8]), binary.LittleEndian.Uint64(id[8:])
	a, b := bits.Mul64(low^x.secret[0], high^x.secret[1])
	places := a ^ b
	a, b = bits.Mul64(low^x.secret[2], high^x.secret[3])
	rest := a ^ b
	return hash{
		one: uint32(places), two: uint32(places >> 32),
		part: uint32(rest>>32) & uint32(len(x.parts)-1), tag: max(1, byte(rest)),
	}
}

// live gives the number of an entry by its last 32 bits, if it is in the queue.
func (x *index) live(short uint32) (number uint64, ok bool) {
	back := uint64(uint32(x.queue.next) - short)
	return x.queue.next - back, back != 0 && back <= x.queue.next-x.queue.first
}

// find gives the number of the entry with the id within an edge.
func (x *index) find(id ID, edge edge) (uint64, bool) {
	h := x.hash(id)
	p := &x.parts[h.part]
	if p.buckets == 0 {
		return 0, false
	}
	one, two := p.place(h.one), p.place(h.two)
	if n, ok := x.findIn(p.bucket(one), h.tag, id, edge); ok || one == two {
		return n, ok
	}
	return x.findIn(p.bucket(two), h.tag, id, edge)
}

func (x *index) findIn(b bucket, tag byte, id ID, edge edge) (uint64, bool) {
	for m := b.matches(tag); m != 0; m &= m - 1 {
		n, ok := x.live(b.number(bits.TrailingZeros32(m)))
		if !ok || n < edge.from {
			continue
		}
		if e := x.queue.at(n); idOf(e) == id && timeOf(e) > edge.after {
			return n, true
		}
	}
	return 0, false
}

// slot finds the one of an entry; nil if it has none.
func (x *index) slot(h hash, number uint64) (b bucket, slot int) {
	p := &x.parts[h.part]
	if p.buckets == 0 {
		return nil, 0
	}
	for _, b := range [...]bucket{p.bucket(p.place(h.one)), p.bucket(p.place(h.two))} {
		for m := b.matches(h.tag); m != 0; m &= m - 1 {
			if i := bits.TrailingZeros32(m); b.number(i) == uint32(number) {
				return b, i
			}
		}
	}
	return nil, 0
}

// remove takes the entry of a number out.
func (x *index) remove(id ID, number uint64) {
	if b, slot := x.slot(x.hash(id), number); b != nil {
		b.set(slot, 0, 0)
	}
}

// restore puts an entry in that may still be there.
func (x *index) restore(id ID, number uint64) {
	if b, _ := x.slot(x.hash(id), number); b == nil {
		x.insert(id, number)
	}
}

// insert puts an entry in, and makes room for it if it has to.
func (x *index) insert(id ID, number uint64) {
	h := x.hash(id)
	p := &x.parts[h.part]
	if left, ok := x.place(p, h, tagged{h.tag, uint32(number)}); !ok {
		x.grow(p, left)
	}
}

// reserve makes room for so many entries in an index that has none.
func (x *index) reserve(entries int) {
	buckets := bucketsFor(entries/len(x.parts) + 1)
	for i := range x.parts {
		x.parts[i] = newPart(buckets)
	}
}
