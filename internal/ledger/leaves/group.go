package leaves

import (
	"encoding/binary"

	"github.com/evidentlog/evident/internal/ledger/lanes"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

const (
	// groupSize is how many leaves are hashed together.
	groupSize = tree.GrowAtOnce
	// groupBytes of openings are hashed before there are groupSize of them, while
	// they are in the processor's cache.
	groupBytes = 64 << 10

	leafSize   = 1 + proof.EntrySize // of what is hashed to a leaf: a prefix and the entry
	leafPadded = 64
)

// A group is offsets that are about to become leaves. Their hashes do not depend
// on one another, so they are computed together (see package lanes).
type group struct {
	growth *Growth
	next   int64 // the offset that comes next

	openings []byte // salt and canonical form of each, padded
	sizes    []int  // of the openings, without their padding
	entries  []proof.Entry
	secret   []byte // the salts of the openings
	salts    salts

	sums   [groupSize]proof.Hash
	leaves []byte         // what is hashed to leaves, padded
	same   [groupSize]int // leafSize, the sizes of the leaves
	grower *tree.Grower
}

func (o *group) init() {
	o.grower = tree.NewGrower()
	for i := range o.same {
		o.same[i] = leafSize
		from := len(o.leaves)
		o.leaves = lanes.Pad(append(o.leaves, make([]byte, leafSize)...), from)
	}
}

// begin starts with the first leaf that a tree lacks.
func (o *group) begin(g *Growth) {
	o.growth, o.next = g, g.Next()
}

// add takes what stands at the next offset.
func (o *group) add(r *proof.Record) {
	if len(o.entries) == groupSize || len(o.openings) > groupBytes {
		o.flush()
	}
	from, salt := len(o.openings), o.salts.next()
	o.secret = append(o.secret, salt...)
	o.openings = r.AppendCanonical(append(o.openings, salt...))
	o.sizes = append(o.sizes, len(o.openings)-from)
	o.openings = lanes.Pad(o.openings, from)
	o.entries = append(o.entries, proof.Entry{Offset: o.next, Timestamp: r.Timestamp})
	o.next++
}

// flush makes leaves of what was added.
func (o *group) flush() {
	n, g := len(o.entries), o.growth
	lanes.Sum(o.sums[:n], o.openings, o.sizes)
	g.Salts = append(room(g.Salts, len(o.secret)), o.secret...)
	g.Entries = room(g.Entries, n*(2+proof.EntrySize))
	for i := range o.entries {
		o.entries[i].Commitment = o.sums[i]
		g.Entries = binary.BigEndian.AppendUint16(g.Entries, proof.EntrySize)
		g.Entries = o.entries[i].Append(g.Entries)
		// The byte before it stays 0, the prefix of leaves (RFC 6962, section 2.1).
		copy(o.leaves[i*leafPadded+1:], g.Entries[len(g.Entries)-proof.EntrySize:])
	}
	lanes.Sum(o.sums[:n], o.leaves, o.same[:n])
	o.grower.Append(g.Tree, o.sums[:n], &g.Hashes)
	o.openings, o.sizes, o.entries, o.secret = o.openings[:0], o.sizes[:0], o.entries[:0], o.secret[:0]
}

// room returns b with room for n bytes more. It doubles what it must enlarge:
// append enlarges what is large by a quarter, and so copies it four times.
func room(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	return append(make([]byte, 0, max(2*cap(b), len(b)+n)), b...)
}
