package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// A run has keys with their values in memory, to be sorted. Keys in it are those in Pebble
// without the task's number: the kind, for data the store, and the rest.
type run struct {
	parts []*part // one for each kind and store, in the order of their prefixes
	last  *part   // that of the latest key
	bytes []byte  // of items: length of the key, length of the value + 1, both
	items int
}

// A part has the keys of a run with one prefix.
type part struct {
	prefix []byte
	items  []item
}

// An item is a key: its first eight bytes behind the prefix, so that most comparisons look
// at nothing else, and where it is in the run's bytes. Of equal keys the later one counts.
type item struct {
	head uint64
	at   uint32
}

// itemSize is what an item takes, and half of its place to be sorted, which two runs share.
const itemSize = 24

// size is what the run takes in memory.
func (r *run) size() int { return len(r.bytes) + r.items*itemSize }

// add adds a key; a nil value is a deletion.
func (r *run) add(kind byte, store, key, value []byte) error {
	if len(r.bytes)+len(key)+len(value) > math.MaxUint32-2*binary.MaxVarintLen64 {
		return fmt.Errorf("%w: a key of %d bytes with a value of %d", ErrTooLarge, len(key), len(value))
	}
	p := r.part(kind, store)
	p.items = append(p.items, item{keyHead(key), uint32(len(r.bytes))})
	r.items++
	length := 0
	if value != nil {
		length = 1 + len(value)
	}
	r.bytes = binary.AppendUvarint(r.bytes, uint64(len(key)))
	r.bytes = binary.AppendUvarint(r.bytes, uint64(length))
	r.bytes = append(append(r.bytes, key...), value...)
	return nil
}

// keyHead is the first eight bytes of a key, with zeros behind a shorter one, as a number
// in the same order.
func keyHead(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// part is where keys of a kind and a store belong.
func (r *run) part(kind byte, store []byte) *part {
	if p := r.last; p != nil && p.prefix[0] == kind && bytes.Equal(p.prefix[1:], store) {
		return p
	}
	prefix := append([]byte{kind}, store...)
	i, found := slices.BinarySearchFunc(r.parts, prefix, func(p *part, prefix []byte) int { return bytes.Compare(p.prefix, prefix) })
	if !found {
		r.parts = slices.Insert(r.parts, i, &part{prefix: prefix})
	}
	r.last = r.parts[i]
	return r.last
}

// lengths are those at the beginning of an item's bytes: of the key, of the value + 1 or
// 0, and how many bytes they take themselves; that is 0 if there are none.
func lengths(b []byte) (key, value uint64, n int) {
	if len(b) >= 2 && b[0]|b[1] < 0x80 { // mostly
		return uint64(b[0]), uint64(b[1]), 2
	}
	key, n = binary.Uvarint(b)
	value, m := binary.Uvarint(b[max(0, n):])
	if n <= 0 || m <= 0 {
		return 0, 0, 0
	}
	return key, value, n + m
}

// item is the key of an item, and its bytes: lengths, key and value.
func (r *run) item(i item) (key, all []byte) {
	b := r.bytes[i.at:]
	klen, vlen, n := lengths(b)
	to := uint64(n) + klen
	return b[n:to:to], b[:to+max(vlen, 1)-1]
}

// key is the key of an item.
func (r *run) key(i item) []byte {
	key, _ := r.item(i)
	return key
}

// clear empties the run, and keeps its memory.
func (r *run) clear() {
	for _, p := range r.parts {
		p.items = p.items[:0]
	}
	r.bytes, r.items = r.bytes[:0], 0
}
