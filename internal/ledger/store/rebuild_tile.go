package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
)

// A tile of level 0 that is made again: up to 256 entries.
type tile struct {
	from   int64
	old    []byte      // as they lie, as a bundle has them
	hash   *proof.Hash // that is stored of them; nil if none is, or it is not believed
	made   []Remade    // from the log; nil while the entries that lie there are right
	chosen []byte
}

func (t *tile) count() int { return len(t.old) / bundleEntry }

func (t *tile) full() bool { return t.count() == tree.TileWidth }

func (t *tile) of(i int) []byte { return t.old[i*bundleEntry : (i+1)*bundleEntry] }

// sound tells whether what lies at a place can be an entry of its offset.
func (t *tile) sound(i int) bool {
	b := t.of(i)
	e, err := proof.ParseEntry(b[2:])
	return err == nil && e.Offset == t.from+int64(i)
}

// choose finds the right entries of a tile, and adds it to the tree: by its hash, or
// for the last one, which has none, by the head.
func (r *Rebuilding) choose(ctx context.Context, t *tile, head Head) error {
	right := func(b []byte) bool { return t.hash != nil && foldLeaves(b) == *t.hash }
	if !t.full() {
		right = func(b []byte) bool { return r.grown(b).Root() == head.Root }
	}
	if lying := t.lying(); right(lying) {
		r.add(t, lying)
		return nil
	}
	var err error
	if t.made, err = r.remaker.Remake(ctx, t.from, r.s.salts(r.id, t.from, t.count())); err != nil {
		return err
	}
	mixed, guessed := t.mix(t.sound), t.mix(func(int) bool { return false })
	switch {
	case right(mixed):
		r.add(t, mixed)
	case right(guessed):
		r.add(t, guessed)
	case t.hash != nil && !(t.allMade() && bytes.Equal(mixed, t.lying())):
		r.leave(t)
	default:
		r.suspects = t.suspects(r.suspects, !t.full())
		r.add(t, mixed)
	}
	return nil
}

// leave leaves a full tile as it lies: its hash tells that it is wrong, and is all
// that the tree needs of it.
func (r *Rebuilding) leave(t *tile) {
	r.Unmended = t.suspects(r.Unmended, true)
	for i := range t.count() {
		r.Unprovable = addOffset(r.Unprovable, t.from+int64(i))
	}
	r.damaged[t.from/tree.TileWidth] = *t.hash
	t.chosen = t.old
	var streams tree.Streams
	r.tree.AppendTile(*t.hash, &streams)
}

// mix is a bundle of what was made of records, and else of what lies there, where
// keep says so, or the entry of a lost offset.
func (t *tile) mix(keep func(i int) bool) []byte {
	b := t.lying()
	for i, m := range t.made {
		if m.Entry == nil || m.Lost && keep(i) {
			continue
		}
		copy(b[i*bundleEntry+2:], m.Entry)
	}
	return b
}

// lying is what lies there, with the lengths before the entries, of which the hashes
// tell nothing, as they must be.
func (t *tile) lying() []byte {
	b := slices.Clone(t.old)
	for at := 0; at < len(b); at += bundleEntry {
		binary.BigEndian.PutUint16(b[at:], proof.EntrySize)
	}
	return b
}

// allMade tells whether the log has a record of each offset.
func (t *tile) allMade() bool {
	return !slices.ContainsFunc(t.made, func(m Remade) bool { return m.Entry == nil || m.Lost })
}

// add adds a tile to the tree, and notes which entries are not as they lay.
func (r *Rebuilding) add(t *tile, chosen []byte) {
	t.chosen, r.tree = chosen, r.grown(chosen)
	for i := range t.count() {
		if !bytes.Equal(t.of(i), chosen[i*bundleEntry:(i+1)*bundleEntry]) {
			r.Mended = addOffset(r.Mended, t.from+int64(i))
		}
	}
}

// grown is the tree with the entries of a bundle.
func (r *Rebuilding) grown(bundle []byte) *tree.Tree {
	t := r.tree.Clone()
	var streams tree.Streams
	r.grower.Append(t, leafHashes(bundle), &streams)
	return t
}

// suspects adds which entries of a tile may be what is wrong with it: those that
// are none, and that nothing gives; if there are no such, those that are not what
// records give, and with ungiven all that no record gives.
func (t *tile) suspects(all []proof.Range, ungiven bool) []proof.Range {
	given := func(i int) bool { return t.made[i].Entry != nil && !t.made[i].Lost }
	tests := []func(i int) bool{
		func(i int) bool { return !given(i) && !t.sound(i) },
		func(i int) bool {
			return given(i) && !bytes.Equal(t.made[i].Entry, t.of(i)[2:]) || !given(i) && ungiven
		},
	}
	for _, is := range tests {
		found := false
		for i := range t.count() {
			if is(i) {
				found, all = true, addOffset(all, t.from+int64(i))
			}
		}
		if found {
			break
		}
	}
	return all
}

// foldLeaves is the root over the entries of a full bundle.
func foldLeaves(bundle []byte) proof.Hash {
	var hashes []byte
	for _, h := range leafHashes(bundle) {
		hashes = append(hashes, h[:]...)
	}
	return tree.Fold(hashes)
}
