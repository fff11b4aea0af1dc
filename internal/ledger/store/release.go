package store

import (
	"fmt"
	"maps"
	"slices"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/vfs"
)

// rotate goes on in a new journal file, and releases those before it as soon as
// what they vouch for is synced. It waits for a release that is under way.
func (s *Store) rotate() error {
	s.releases.Wait()
	if err := s.Err(); err != nil {
		return err
	}
	return s.release(s.journal.id + 1)
}

// release starts the journal file with an id and lets a goroutine do away with
// the ones before. Close waits for it; its error stops the store.
func (s *Store) release(id uint64) error {
	if err := s.journal.start(id); err != nil {
		return s.fail(err)
	}
	st := s.snapshot()
	dirty := slices.Collect(maps.Keys(s.dirty))
	clear(s.dirty)
	s.releases.Go(func() {
		if err := s.settle(st, dirty); err != nil {
			s.fail(fmt.Errorf("releasing the journal: %w", err))
		}
	})
	return nil
}

func (s *Store) snapshot() *state {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := &state{
		journal: s.journal.id, round: s.round,
		root: s.mu.rootSize, rootHash: s.mu.rootHash, trees: map[TreeID]*Head{},
	}
	for id, h := range s.mu.heads {
		st.trees[id] = h
	}
	for _, o := range s.mu.opened {
		delete(st.trees, o.id) // in no round yet
	}
	for id, list := range s.mu.erasures {
		for _, e := range list {
			if e.swept() {
				st.gone = append(st.gone, goneLine{id, e.RootIndex, e.By, e.Offsets})
			} else {
				st.erased = append(st.erased, erasedLine{e.RootIndex, e.Done})
			}
		}
	}
	return st
}

// settle syncs what the journal files before st.journal vouch for, and removes
// them.
func (s *Store) settle(st *state, dirty []TreeID) error {
	if err := s.syncTrees(dirty); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.path(treesDir)); err != nil {
		return err
	}
	if err := s.syncRoot(st.root); err != nil {
		return err
	}
	if err := s.writeState(st); err != nil {
		return err
	}
	ids, err := s.journal.ids()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if id >= st.journal {
			break
		}
		if err := s.journal.remove(id); err != nil {
			return err
		}
	}
	return s.fs.SyncDir(s.path(journalDir))
}

// syncRoot makes the root log durable up to a size, with its hashes: what comes
// after it is in the journal, and a root log is too long to be hashed again.
func (s *Store) syncRoot(size int64) error {
	files := []string{entriesFile, endsFile, headsFile}
	for level := 0; level < tree.Levels && size>>(level*tree.TileHeight) > 0; level++ {
		files = append(files, hashesFile(level))
	}
	for _, what := range files {
		if err := withFile(s.fs, s.rootFile(what), vfs.File.Sync); err != nil {
			return err
		}
	}
	return s.fs.SyncDir(s.path(rootDir))
}
