package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/evidentlog/evident/internal/ledger/lanes"
	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
	"golang.org/x/mod/sumdb/tlog"
)

// Names of a tree's files, after its number.
const (
	entriesFile = "entries"
	saltsFile   = "salts"
	treesDir    = "trees"
)

func hashesFile(level int) string { return fmt.Sprintf("hashes-%d", level) }

func (s *Store) treeFile(id TreeID, what string) string {
	return fmt.Sprintf("%s/%s/%012d.%s", s.dir, treesDir, id, what)
}

// writeThrough puts leaves in their places at once, unsynced, and notes what must
// be synced for them.
func (s *Store) writeThrough(c *Chunk) error {
	if err := s.writeTail(c.Tree); err != nil {
		return err
	}
	s.unlinked = s.unlinked || !s.written[c.Tree]
	s.written[c.Tree] = true
	s.dirty[c.Tree] = true
	return s.writeChunk(c)
}

// place puts leaves that the journal has where readers see them. Their places on
// disk get them when it is worth it.
func (s *Store) place(c *Chunk) error {
	s.dirty[c.Tree] = true
	if !s.tails.follows(c) {
		if err := s.writeTail(c.Tree); err != nil {
			return err
		}
	}
	s.tails.add(c)
	for id := s.tails.due(c.Tree); id != 0; id = s.tails.due(c.Tree) {
		if err := s.writeTail(id); err != nil {
			return err
		}
	}
	return nil
}

// writeTail puts a tree's tail in its place, unsynced.
func (s *Store) writeTail(id TreeID) error {
	c, ok := s.tails.get(id)
	if !ok {
		return nil
	}
	if err := s.writeChunk(&c); err != nil {
		return err
	}
	s.tails.drop(id, c.From+int64(c.Count()))
	return nil
}

// writeChunk puts leaves in their places, unsynced.
func (s *Store) writeChunk(c *Chunk) error {
	err := withFile(s.fs, s.treeFile(c.Tree, entriesFile), writeAt(c.Entries, c.From*bundleEntry))
	if err != nil {
		return err
	}
	return withFile(s.fs, s.treeFile(c.Tree, saltsFile), writeAt(c.Salts, c.From*saltSize))
}

func writeAt(b []byte, at int64) func(vfs.File) error {
	return func(f vfs.File) error {
		_, err := f.WriteAt(b, at)
		return err
	}
}

// WriteHashes puts hashes of a tree's tiles in their places: those that the
// leaves from..to completed, at all levels above 0. They are not synced, and
// what is lost of them is made again.
func (s *Store) WriteHashes(id TreeID, to int64, streams *tree.Streams) error {
	for level := 1; level < tree.Levels; level++ {
		hashes := streams[level]
		if len(hashes) == 0 {
			continue
		}
		end := to >> (level * tree.TileHeight) * tlog.HashSize
		if err := withFile(s.fs, s.treeFile(id, hashesFile(level)), writeAt(hashes, end-int64(len(hashes)))); err != nil {
			return s.fail(err)
		}
	}
	return nil
}

// syncTree makes durable what was written of a tree.
func (s *Store) syncTree(id TreeID) error {
	for _, what := range []string{entriesFile, saltsFile} {
		if err := withFile(s.fs, s.treeFile(id, what), vfs.File.Sync); err != nil {
			return err
		}
	}
	return nil
}

// ReadEntries returns the entries of count leaves from the index on, as a
// bundle of tlog-tiles has them.
func (s *Store) ReadEntries(id TreeID, from int64, count int) ([]byte, error) {
	return s.readLeaves(id, entriesFile, from*bundleEntry, count*bundleEntry)
}

// ReadSalt returns the salt of a leaf. The error is an *ErasedError if it was
// erased.
func (s *Store) ReadSalt(id TreeID, index int64) (proof.Salt, error) {
	b, err := s.readLeaves(id, saltsFile, index*saltSize, saltSize)
	if err != nil {
		return proof.Salt{}, err
	}
	// After the read: one that met an erasure half-way is told so.
	if e, ok := s.Erased(id, index); ok {
		return proof.Salt{}, &ErasedError{index, e}
	}
	salt := proof.Salt(b)
	if salt == (proof.Salt{}) {
		return salt, fmt.Errorf("%w: %s: the salt of entry %d is gone, and no entry of the root log says that it was erased", ErrCorrupt, s.treeFile(id, saltsFile), index)
	}
	return salt, nil
}

// readLeaves returns bytes of a tree's entries or salts, wherever they are.
func (s *Store) readLeaves(id TreeID, what string, at int64, n int) ([]byte, error) {
	b := make([]byte, n)
	from, to := s.tails.read(id, what, at, b)
	if err := s.fill(b[:from], s.treeFile(id, what), at); err != nil {
		return nil, err
	}
	return b, s.fill(b[to:], s.treeFile(id, what), at+int64(to))
}

func (s *Store) readTree(id TreeID, what string, at int64, n int) ([]byte, error) {
	return s.readFile(s.treeFile(id, what), at, n)
}

// readFile returns bytes that must be there.
func (s *Store) readFile(name string, at int64, n int) ([]byte, error) {
	b := make([]byte, n)
	return b, s.fill(b, name, at)
}

// fill reads bytes that must be there.
func (s *Store) fill(b []byte, name string, at int64) error {
	if len(b) == 0 {
		return nil
	}
	got, err := s.readers.readAt(name, b, at)
	if errors.Is(err, fs.ErrNotExist) {
		return notFoundIsCorrupt(err)
	}
	if got < len(b) {
		return fmt.Errorf("%w: %s: %d bytes at %d, and %d are needed: %w", ErrCorrupt, name, got, at, len(b), err)
	}
	return nil
}

func notFoundIsCorrupt(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// Tiles returns the tiles of a tree. Those of level 0 are computed from entries.
func (s *Store) Tiles(id TreeID) tree.TileReader { return treeTiles{s, id} }

type treeTiles struct {
	s  *Store
	id TreeID
}

// ReadTile implements tree.TileReader.
func (t treeTiles) ReadTile(level int, n int64, width int) ([]byte, error) {
	if level == 0 {
		return t.leaves(n, width)
	}
	return t.s.readTree(t.id, hashesFile(level), n*tree.TileWidth*tlog.HashSize, width*tlog.HashSize)
}

func (t treeTiles) leaves(n int64, width int) ([]byte, error) {
	entries, err := t.s.ReadEntries(t.id, n*tree.TileWidth, width)
	if err != nil {
		return nil, err
	}
	tile := make([]byte, 0, width*tlog.HashSize)
	for _, h := range leafHashes(entries) {
		tile = append(tile, h[:]...)
	}
	return tile, nil
}

// leafHashes returns the hashes of a bundle's entries as leaves.
func leafHashes(bundle []byte) []proof.Hash {
	hashes := make([]proof.Hash, len(bundle)/bundleEntry)
	sizes := make([]int, 0, leavesAtOnce)
	messages := make([]byte, 0, leavesAtOnce*lanes.Padded(1+proof.EntrySize))
	for rest := hashes; len(rest) > 0; rest = rest[len(sizes):] {
		sizes, messages = sizes[:0], messages[:0]
		for range min(leavesAtOnce, len(rest)) {
			from := len(messages)
			messages = append(messages, leafPrefix)
			messages = append(messages, bundle[2:bundleEntry]...)
			sizes = append(sizes, len(messages)-from)
			messages = lanes.Pad(messages, from)
			bundle = bundle[bundleEntry:]
		}
		lanes.Sum(rest[:len(sizes)], messages, sizes)
	}
	return hashes
}

// leavesAtOnce fit into the processor's cache as messages.
const leavesAtOnce = 32

// leafPrefix is the first byte of what is hashed to a leaf (RFC 6962, section 2.1).
const leafPrefix = 0

// OpenTree returns the tree as its head has it, ready to grow. Hashes that a
// power cut has taken are made again; entries that do not lead to the head are
// ErrCorrupt.
func (s *Store) OpenTree(id TreeID) (*tree.Tree, error) {
	head, ok := s.Head(id)
	if !ok {
		return nil, fmt.Errorf("there is no tree %d", id)
	}
	t, err := tree.Resume(head.Size, s.Tiles(id))
	if err == nil && t.Root() == head.Root {
		err = s.checkHashes(id, head.Size)
	}
	if err == nil && t.Root() == head.Root {
		return t, nil
	}
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return nil, err
	}
	return s.Rebuild(id)
}

// checkHashes tells whether the stored hashes of full tiles lead to those above
// them. With the right edge, which leads to the root, these are all: a power cut
// may take any of them, as they are not synced.
func (s *Store) checkHashes(id TreeID, size int64) error {
	r := s.Tiles(id)
	for level := 1; level+1 < tree.Levels; level++ {
		above := size >> ((level + 1) * tree.TileHeight) // full tiles of the level
		for n := int64(0); n < above; n++ {
			tile, err := r.ReadTile(level, n, tree.TileWidth)
			if err != nil {
				return err
			}
			parent, err := s.readTree(id, hashesFile(level+1), n*tlog.HashSize, tlog.HashSize)
			if err != nil {
				return err
			}
			if tree.Fold(tile) != proof.Hash(parent) {
				return fmt.Errorf("%w: %s: tile %d does not lead to the hash above it", ErrCorrupt, s.treeFile(id, hashesFile(level)), n)
			}
		}
	}
	return nil
}

// rebuildStep is how many entries Rebuild reads at once.
const rebuildStep = 64 * tree.TileWidth

// Rebuild makes all hashes of a tree again, from its entries. Those that are there
// stay if the entries do not lead to the head: they tell which of them are wrong.
func (s *Store) Rebuild(id TreeID) (*tree.Tree, error) {
	head, ok := s.Head(id)
	if !ok {
		return nil, fmt.Errorf("there is no tree %d", id)
	}
	t, err := s.rehash(id, head.Size, func(int64, *tree.Streams) error { return nil })
	if err != nil {
		return nil, err
	}
	if t.Root() != head.Root {
		return nil, fmt.Errorf("%w: %s: the entries do not lead to the head of %s at size %d: one of them was altered",
			ErrCorrupt, s.treeFile(id, entriesFile), head.Origin, head.Size)
	}
	return s.rehash(id, head.Size, func(to int64, streams *tree.Streams) error { return s.WriteHashes(id, to, streams) })
}

// rehash grows a tree of the entries that there are, and gives out the hashes of its
// tiles.
func (s *Store) rehash(id TreeID, size int64, put func(to int64, streams *tree.Streams) error) (*tree.Tree, error) {
	t, grower := &tree.Tree{}, tree.NewGrower()
	for from := int64(0); from < size; from += rebuildStep {
		n := min(rebuildStep, size-from)
		entries, err := s.ReadEntries(id, from, int(n))
		if err != nil {
			return nil, err
		}
		if i := wrongLength(entries); i >= 0 {
			return nil, fmt.Errorf("%w: %s: the length of entry %d is wrong", ErrCorrupt, s.treeFile(id, entriesFile), from+int64(i))
		}
		var streams tree.Streams
		grower.Append(t, leafHashes(entries), &streams)
		if err := put(from+n, &streams); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// wrongLength is the first entry of a bundle with another length before it than it
// has, -1 if there is none: hashes do not cover the lengths, and readers need them.
func wrongLength(bundle []byte) int {
	for at := 0; at < len(bundle); at += bundleEntry {
		if binary.BigEndian.Uint16(bundle[at:]) != proof.EntrySize {
			return at / bundleEntry
		}
	}
	return -1
}
