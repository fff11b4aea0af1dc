package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrUnrebuilt says that records and salts do not lead to the signed head.
var ErrUnrebuilt = errors.New("the tree cannot be made again")

// A Remaker makes entries from what the log has.
type Remaker interface {
	// Remake makes the entries of leaves from an index on, one for each salt.
	Remake(ctx context.Context, from int64, salts []proof.Salt) ([]Remade, error)
}

// Remade is what could be made of an offset. The entry is nil without a salt, and
// the zero value is nothing at all.
type Remade struct {
	Entry []byte
	Lost  bool // the log has no record: the entry is that of an offset without one
}

// A Rebuilt says what became of a tree that was made again.
type Rebuilt struct {
	Size     int64         // of the tree that was looked at
	Mended   []proof.Range // entries that were made again
	Unmended []proof.Range // entries that are damaged, or some of them, and stay so
	// Unprovable are the tiles with unmended entries: a proof of each offset in a tile
	// needs all of its entries.
	Unprovable []proof.Range
	Saltless   []proof.Range // offsets whose salts are lost, and were not erased
}

// A Rebuilding is a tree that is being made again: a new file, and what it has. One
// goroutine at a time uses it.
type Rebuilding struct {
	Rebuilt
	s       *Store
	id      TreeID
	file    vfs.File
	tree    *tree.Tree
	grower  *tree.Grower
	damaged map[int64]proof.Hash // roots of full tiles that stay as they are
	remaker Remaker
	told    func(done, size int64)
	// suspects are offsets that do not fit if the tree does not lead to its head.
	suspects []proof.Range
}

// BeginRebuild makes the entries of a tree again, up to its newest head, in a file of
// their own. Nothing is changed by that; FinishRebuild puts them into their place.
// It is nil if the entries lead to the head as they are: then their hashes were made
// again. told is called after each tile.
func (s *Store) BeginRebuild(ctx context.Context, id TreeID, m Remaker, told func(done, size int64)) (*Rebuilding, Rebuilt, error) {
	head, ok := s.Head(id)
	if !ok {
		return nil, Rebuilt{}, fmt.Errorf("there is no tree %d", id)
	}
	s.readers.forget() // of a file that somebody has removed, an open one is still whole
	saltless, err := s.saltless(ctx, id, head.Size)
	if err != nil {
		return nil, Rebuilt{}, err
	}
	if _, err := s.Rebuild(id); err == nil {
		return nil, Rebuilt{Size: head.Size, Saltless: saltless}, nil
	}
	var suspects []proof.Range
	for _, believeHashes := range []bool{true, false} {
		r := &Rebuilding{s: s, id: id, remaker: m, told: told, grower: tree.NewGrower(), Rebuilt: Rebuilt{Size: head.Size, Saltless: saltless}}
		done, err := r.make(ctx, head, believeHashes)
		if done && err == nil {
			return r, r.Rebuilt, nil
		}
		if err := errors.Join(err, r.Drop()); err != nil {
			return nil, r.Rebuilt, err
		}
		if len(suspects) == 0 { // hashes tell more than records alone
			suspects = union(r.Unmended, r.suspects)
		}
	}
	return nil, Rebuilt{Size: head.Size, Saltless: saltless}, unrebuilt(head, suspects)
}

// unrebuilt says which offsets do not fit, if that can be known.
func unrebuilt(head Head, suspects []proof.Range) error {
	const most = 20
	at := "which offset does not fit cannot be known: too many hashes are lost"
	if len(suspects) > 0 {
		at = "the first offset that does not fit is " + fmt.Sprint(suspects[0].First) +
			", of " + proof.FormatRanges(suspects[:min(most, len(suspects))])
	}
	return fmt.Errorf("%w: entries, records and salts do not lead to the head of %s at size %d with root hash %v: %s; restore the entries, or the log, from a copy",
		ErrUnrebuilt, head.Origin, head.Size, head.Root, at)
}

func (s *Store) rebuiltFile(id TreeID) string { return s.treeFile(id, entriesFile+".rebuilt") }
func (s *Store) damagedFile(id TreeID) string { return s.treeFile(id, entriesFile+".damaged") }

// make fills the new file. It tells whether what is in it leads to the head.
func (r *Rebuilding) make(ctx context.Context, head Head, believeHashes bool) (leads bool, err error) {
	if r.file, err = r.s.fs.Open(r.s.rebuiltFile(r.id), vfs.Write|vfs.Create); err != nil {
		return false, err
	}
	if err := r.file.Truncate(0); err != nil {
		return false, err
	}
	r.tree, r.damaged = &tree.Tree{}, map[int64]proof.Hash{}
	for from := int64(0); from < head.Size; from += tree.TileWidth {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		t, err := r.readTile(from, int(min(tree.TileWidth, head.Size-from)), believeHashes)
		if err != nil {
			return false, err
		}
		if err := r.choose(ctx, t, head); err != nil {
			return false, err
		}
		if _, err := r.file.WriteAt(t.chosen, from*bundleEntry); err != nil {
			return false, err
		}
		r.told(from+int64(t.count()), head.Size)
	}
	return r.tree.Root() == head.Root, nil
}

// Drop forgets the new file.
func (r *Rebuilding) Drop() error {
	if r.file == nil {
		return nil
	}
	err := errors.Join(r.file.Close(), r.s.fs.Remove(r.s.rebuiltFile(r.id)))
	r.file = nil
	return err
}

// readTile reads what lies on disk of a tile. What cannot be read is zeros.
func (r *Rebuilding) readTile(from int64, count int, believeHash bool) (*tile, error) {
	t := &tile{from: from, old: r.s.readWhole(r.id, entriesFile, from*bundleEntry, count*bundleEntry)}
	if count < tree.TileWidth || !believeHash {
		return t, nil
	}
	b, err := r.s.readTree(r.id, hashesFile(1), from/tree.TileWidth*tlog.HashSize, tlog.HashSize)
	if err == nil && proof.Hash(b) != (proof.Hash{}) {
		t.hash = (*proof.Hash)(b)
	}
	return t, nil
}

// readWhole reads bytes of a tree's entries or salts; what cannot be read is zeros.
func (s *Store) readWhole(id TreeID, what string, at int64, n int) []byte {
	b := make([]byte, n)
	from, to := s.tails.read(id, what, at, b)
	_ = s.fill(b[:from], s.treeFile(id, what), at) // as damaged as zeros
	_ = s.fill(b[to:], s.treeFile(id, what), at+int64(to))
	return b
}

// saltless finds the salts that are gone, and should not be.
func (s *Store) saltless(ctx context.Context, id TreeID, size int64) (lost []proof.Range, err error) {
	for from := int64(0); from < size; from += rebuildStep {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		salts := s.salts(id, from, int(min(rebuildStep, size-from)))
		for i, salt := range salts {
			if _, erased := s.Erased(id, from+int64(i)); salt == (proof.Salt{}) && !erased {
				lost = addOffset(lost, from+int64(i))
			}
		}
	}
	return lost, nil
}

func (s *Store) salts(id TreeID, from int64, count int) []proof.Salt {
	b := s.readWhole(id, saltsFile, from*saltSize, count*saltSize)
	salts := make([]proof.Salt, count)
	for i := range salts {
		salts[i] = proof.Salt(b[i*saltSize:])
	}
	return salts
}

// addOffset adds an offset behind all others to ranges.
func addOffset(ranges []proof.Range, offset int64) []proof.Range {
	if n := len(ranges); n > 0 && ranges[n-1].Last == offset-1 {
		ranges[n-1].Last = offset
		return ranges
	}
	return append(ranges, proof.Range{First: offset, Last: offset})
}
