package store

import (
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// syncsAtOnce is how many files are synced side by side: enough for a disk to
// merge them, few enough to leave it to others too.
const syncsAtOnce = 8

// A Round is what trees gained since the last one.
type Round struct {
	// Chunks are leaves that go through the journal: those that are too few to
	// be worth a sync of their own.
	Chunks []Chunk
	// Written are trees with leaves that Write has put in their places.
	Written []TreeID
	// Roots are entries of the root log, with the heads that the leaves lead to.
	Roots [][]byte
}

// Write puts leaves in their places ahead of the round that will have them.
// They are synced by Commit.
func (s *Store) Write(c Chunk) error {
	if err := s.Err(); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	if err := s.writeThrough(&c); err != nil {
		return s.fail(err)
	}
	return nil
}

// Commit makes a round durable. When it returns nil, the trees have the heads
// that the round says, and may be signed. After an error nothing is known of
// the round, and the store has stopped.
func (s *Store) Commit(r Round) error {
	if err := s.Err(); err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	// Before the journal has them: what cannot be read again would keep the store shut.
	roots, err := parseRoots(r.Roots)
	if err != nil {
		return err
	}
	heads, err := s.headsOf(roots)
	if err != nil {
		return err
	}
	if err := s.syncWritten(r.Written); err != nil {
		return s.fail(err)
	}
	f := &frame{number: s.round + 1, opened: s.takeOpened(), chunks: r.Chunks, roots: r.Roots}
	if err := s.journal.append(f); err != nil {
		return s.fail(err)
	}
	if err := s.put(f, roots, heads); err != nil {
		return s.fail(err)
	}
	if s.journal.end > s.limit {
		return s.rotate()
	}
	return nil
}

// takeOpened returns the trees that are in no round yet.
func (s *Store) takeOpened() []openedTree {
	s.mu.Lock()
	defer s.mu.Unlock()
	opened := s.mu.opened
	s.mu.opened = nil
	return opened
}

func (r *Round) check() error {
	for i := range r.Chunks {
		if err := r.Chunks[i].check(); err != nil {
			return err
		}
	}
	for _, e := range r.Roots {
		if len(e) > maxRootEntry {
			return fmt.Errorf("an entry of %d bytes for the root log, and at most %d are possible", len(e), maxRootEntry)
		}
	}
	return nil
}

// syncWritten makes durable what Write has put in its place, names included.
func (s *Store) syncWritten(ids []TreeID) error {
	if len(ids) == 0 {
		return nil
	}
	if err := s.syncTrees(ids); err != nil {
		return err
	}
	if !s.unlinked {
		return nil
	}
	s.unlinked = false
	return s.fs.SyncDir(s.path(treesDir))
}

func (s *Store) syncTrees(ids []TreeID) error {
	var group errgroup.Group
	group.SetLimit(syncsAtOnce)
	for _, id := range ids {
		group.Go(func() error { return errors.Join(s.writeTail(id), s.syncTree(id)) })
	}
	return group.Wait()
}
