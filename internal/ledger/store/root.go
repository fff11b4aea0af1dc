package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/proof"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	rootDir  = "root"
	endsFile = "ends"
	endSize  = 8
)

// maxRootEntry is what tlog-tiles' 16-bit lengths allow.
const maxRootEntry = 1<<16 - 1

func (s *Store) rootFile(what string) string { return s.path(rootDir + "/" + what) }

// parseRoots reads entries of the root log.
func parseRoots(entries [][]byte) ([]proof.RootEntry, error) {
	roots := make([]proof.RootEntry, len(entries))
	for i, b := range entries {
		var err error
		if roots[i], err = proof.ParseRootEntry(b); err != nil {
			return nil, err
		}
	}
	return roots, nil
}

// growRoot adds entries to the root log's files and tree, unsynced. It is given
// them as they are written, and as they read.
func (s *Store) growRoot(entries [][]byte, roots []proof.RootEntry) error {
	t, end := s.rootTree.Clone(), s.rootEnd
	var bundle, ends []byte
	var streams tree.Streams
	for _, e := range entries {
		bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(e)))
		bundle = append(bundle, e...)
		ends = binary.BigEndian.AppendUint64(ends, uint64(end+int64(len(bundle))))
		t.Append(tlog.RecordHash(e), &streams)
	}
	err := withFile(s.fs, s.rootFile(entriesFile), writeAt(bundle, end))
	if err == nil {
		err = withFile(s.fs, s.rootFile(endsFile), writeAt(ends, s.rootTree.Size()*endSize))
	}
	if err == nil && len(entries) > 0 {
		err = s.link(s.rootTree.Size(), roots)
	}
	for level, hashes := range streams {
		if len(hashes) > 0 && err == nil {
			last := t.Size() >> (level * tree.TileHeight) * tlog.HashSize
			err = withFile(s.fs, s.rootFile(hashesFile(level)), writeAt(hashes, last-int64(len(hashes))))
		}
	}
	if err != nil {
		return err
	}
	s.rootTree, s.rootEnd = t, end+int64(len(bundle))
	return nil
}

// openRoot reads the root log's right edge at a size whose entries are synced.
// Hashes that a power cut has taken are made again.
func (s *Store) openRoot(size int64, root proof.Hash) error {
	s.rootTree = &tree.Tree{}
	s.rootEnd = 0
	if size == 0 {
		return nil
	}
	_, end, err := s.rootRange(0, size)
	if err != nil {
		return err
	}
	s.rootEnd = end
	s.rootTree, err = tree.Resume(size, s.RootTiles())
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return err
	}
	if err == nil && s.rootTree.Root() == root && s.hasLinks(size) {
		return nil
	}
	return s.rebuildRoot(size, root)
}

// rebuildRoot makes all hashes and links of the root log again, from its entries.
func (s *Store) rebuildRoot(size int64, root proof.Hash) error {
	s.rootTree, s.rootEnd = &tree.Tree{}, 0
	s.learnNewest(nil)
	for from := int64(0); from < size; from += tree.TileWidth {
		bundle, err := s.ReadRoot(from, min(from+tree.TileWidth, size))
		if err != nil {
			return err
		}
		entries, err := splitBundle(bundle)
		var roots []proof.RootEntry
		if err == nil {
			roots, err = parseRoots(entries)
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrCorrupt, s.rootFile(entriesFile), err)
		}
		if err := s.growRoot(entries, roots); err != nil {
			return err
		}
	}
	if s.rootTree.Root() != root {
		return fmt.Errorf("%w: %s: the entries do not lead to the root hash at size %d: one of them was altered", ErrCorrupt, s.rootFile(entriesFile), size)
	}
	return nil
}

// splitBundle returns the entries of a bundle.
func splitBundle(b []byte) ([][]byte, error) {
	r := &itemReader{rest: b}
	var entries [][]byte
	for len(r.rest) > 0 && r.err == nil {
		entries = append(entries, r.take(int(r.uint16())))
	}
	return entries, r.err
}

// ReadRoot returns entries of the root log from..to, as a bundle of tlog-tiles
// has them.
func (s *Store) ReadRoot(from, to int64) ([]byte, error) {
	first, last, err := s.rootRange(from, to)
	if err != nil {
		return nil, err
	}
	return s.readFile(s.rootFile(entriesFile), first, int(last-first))
}

// ReadRootEntry returns one entry of the root log.
func (s *Store) ReadRootEntry(index int64) ([]byte, error) {
	b, err := s.ReadRoot(index, index+1)
	if err != nil {
		return nil, err
	}
	if len(b) < 2 || int(binary.BigEndian.Uint16(b)) != len(b)-2 {
		return nil, fmt.Errorf("%w: %s: entry %d has another length than its prefix, or %s, says", ErrCorrupt, s.rootFile(entriesFile), index, endsFile)
	}
	return b[2:], nil
}

// NewestRootEntry returns the newest entry of the root log, which is not empty. It
// is held against its hash: new entries go on from what it says.
func (s *Store) NewestRootEntry() (e proof.RootEntry, err error) {
	size, _ := s.RootHead()
	tile, err := s.RootTiles().ReadTile(0, (size-1)/tree.TileWidth, int((size-1)%tree.TileWidth)+1)
	if err != nil {
		return e, err
	}
	b, err := s.ReadRootEntry(size - 1)
	if err != nil {
		return e, err
	}
	if want := tile[len(tile)-tlog.HashSize:]; tlog.RecordHash(b) != tlog.Hash(want) {
		return e, fmt.Errorf("%w: %s: entry %d was altered", ErrCorrupt, s.rootFile(entriesFile), size-1)
	}
	return proof.ParseRootEntry(b)
}

// rootRange returns where entries from..to lie in the file of entries.
func (s *Store) rootRange(from, to int64) (first, last int64, err error) {
	if from > 0 {
		if first, err = s.rootEndOf(from - 1); err != nil {
			return 0, 0, err
		}
	}
	if last, err = s.rootEndOf(to - 1); err != nil {
		return 0, 0, err
	}
	if last < first || last-first > (to-from)*(2+maxRootEntry) {
		return 0, 0, fmt.Errorf("%w: %s: entries %d to %d lie at %d to %d", ErrCorrupt, s.rootFile(endsFile), from, to, first, last)
	}
	return first, last, nil
}

func (s *Store) rootEndOf(index int64) (int64, error) {
	b, err := s.readFile(s.rootFile(endsFile), index*endSize, endSize)
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// RootTiles returns the tiles of the root log.
func (s *Store) RootTiles() tree.TileReader { return rootTiles{s} }

type rootTiles struct{ s *Store }

// ReadTile implements tree.TileReader.
func (t rootTiles) ReadTile(level int, n int64, width int) ([]byte, error) {
	return t.s.readFile(t.s.rootFile(hashesFile(level)), n*tree.TileWidth*tlog.HashSize, width*tlog.HashSize)
}

// RootHead returns size and root hash of the root log, all of which is durable.
func (s *Store) RootHead() (size int64, root proof.Hash) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.rootSize, s.mu.rootHash
}
