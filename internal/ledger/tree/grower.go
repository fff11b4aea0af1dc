package tree

import (
	"github.com/evidentlog/evident/proof"
)

// GrowAtOnce is how many leaves a Grower adds at a time.
const GrowAtOnce = 256

// A Grower adds leaves to trees, many at a time: the nodes of a level do not
// depend on one another, and are hashed two by two. It has memory for that, some
// 15 KB, and any number of trees may share it in turn.
type Grower struct {
	row   [1 + GrowAtOnce]proof.Hash // of the level at hand; the first place is for one from the edge
	left  [64]proof.Hash             // a level's last hash each, lowest level first
	pairs *pairs
}

// NewGrower returns a grower.
func NewGrower() *Grower { return &Grower{pairs: newPairs()} }

// Append adds leaves by their hashes. It does what [Tree.Append] does for one
// after the other, except that it gives the streams no hashes of level 0, which
// are the leaves.
func (g *Grower) Append(t *Tree, leaves []proof.Hash, s *Streams) {
	for len(leaves) > 0 {
		n := min(len(leaves), GrowAtOnce)
		g.append(t, leaves[:n], s)
		leaves = leaves[n:]
	}
}

// append adds up to GrowAtOnce leaves, level by level.
func (g *Grower) append(t *Tree, leaves []proof.Hash, s *Streams) {
	before := t.size
	t.size += int64(len(leaves))
	fresh := g.row[1 : 1+copy(g.row[1:], leaves)] // new hashes of the level
	left := 0                                     // levels whose last hash has no sibling yet
	for level := 0; len(fresh) > 0; level++ {
		if level > 0 && level%TileHeight == 0 {
			s[level/TileHeight] = appendHashes(s[level/TileHeight], fresh)
		}
		row := fresh
		if before>>level&1 == 1 { // the sibling of the first is in the edge
			row = g.row[:1+len(fresh)]
			row[0] = t.edge[len(t.edge)-1]
			t.edge = t.edge[:len(t.edge)-1]
		}
		if len(row)%2 == 1 {
			g.left[left] = row[len(row)-1]
			left++
		}
		fresh = g.row[1 : 1+len(row)/2]
		g.pairs.hash(fresh, row)
	}
	for ; left > 0; left-- {
		t.edge = append(t.edge, g.left[left-1])
	}
}

func appendHashes(b []byte, hashes []proof.Hash) []byte {
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}
