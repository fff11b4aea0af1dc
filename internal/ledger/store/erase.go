package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// ErrErased says that a salt was destroyed with its record.
var ErrErased = errors.New("erased")

// An ErasedError tells of an erasure. It is ErrErased.
type ErasedError struct {
	Offset int64
	Erasure
}

func (e *ErasedError) Error() string {
	at := e.Time.Format("2006-01-02 15:04:05 UTC")
	if e.Merged {
		return fmt.Sprintf("offset %d was erased by %s, on %s at the latest", e.Offset, e.By, at)
	}
	return fmt.Sprintf("offset %d was erased on %s by %s", e.Offset, at, e.By)
}

// Is implements errors.Is.
func (e *ErasedError) Is(target error) bool { return target == ErrErased }

// An Erasure is what an entry of the root log says of offsets whose salts were
// destroyed; or several entries, if nobody asked for it.
type Erasure struct {
	RootIndex int64     // of the entry
	Time      time.Time // the log's claim
	By        string    // who asked for it
	Offsets   []proof.Range
	// Done tells that nothing is left to do: the records are gone too. It is
	// forgotten by a crash, which costs the work once more.
	Done bool
	// Merged tells that it is of several entries, ByRetention or ByDeletion: RootIndex
	// and Time are those of the newest.
	Merged bool
}

// Holds tells whether an offset was erased by it.
func (e *Erasure) Holds(offset int64) bool {
	_, found := slices.BinarySearchFunc(e.Offsets, offset, func(r proof.Range, o int64) int {
		switch {
		case r.Last < o:
			return -1
		case r.First > o:
			return 1
		}
		return 0
	})
	return found
}

// Erase makes entries of the root log durable that say that records were erased
// (proof.ErasedEntry), and destroys their salts for good: in their places and in
// the journal. The leaves stay what they are. A crash leaves it undone, or to be
// completed by the next Open. Store.Head of the trees must be the entries' heads.
func (s *Store) Erase(entries [][]byte) error {
	if err := s.Commit(Round{Roots: entries}); err != nil {
		return err
	}
	if err := s.rotate(); err != nil {
		return err
	}
	s.releases.Wait()
	return s.Err()
}

// eraseFor does what new entries of the root log say was erased. What it does is
// durable when the journal file that has the entries is released.
func (s *Store) eraseFor(first int64, roots []proof.RootEntry) error {
	for i := range roots {
		if roots[i].Kind != proof.ErasedEntry {
			continue
		}
		id, erased, err := s.noteErasure(first+int64(i), &roots[i], false)
		if err != nil {
			return err
		}
		if err := s.zeroSalts(id, erased.Offsets); err != nil {
			return err
		}
		s.dirty[id] = true
	}
	return nil
}

// noteErasure lets readers know of an erasure, before its salts go.
func (s *Store) noteErasure(index int64, e *proof.RootEntry, done bool) (TreeID, *Erasure, error) {
	ranges, by, err := e.Erased()
	if err != nil {
		return 0, nil, err
	}
	id, ok := s.Find(e.Checkpoint.Origin)
	if !ok {
		return 0, nil, fmt.Errorf("%w: an erasure of %s, and no such tree was opened", ErrCorrupt, e.Checkpoint.Origin)
	}
	erased := &Erasure{RootIndex: index, Time: time.UnixMilli(e.Time).UTC(), By: by, Offsets: ranges, Done: done}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.erasures[id] = withErasure(s.mu.erasures[id], erased)
	return id, erased, nil
}

func (s *Store) zeroSalts(id TreeID, ranges []proof.Range) error {
	s.releases.Wait() // which may be about to write them
	if err := s.writeTail(id); err != nil {
		return err
	}
	return withFile(s.fs, s.treeFile(id, saltsFile), func(f vfs.File) error {
		for _, r := range ranges {
			if err := zero(f, r.First*saltSize, (r.Last+1)*saltSize); err != nil {
				return err
			}
		}
		return nil
	})
}

// Erased returns the erasure of an offset, the first if there were several.
func (s *Store) Erased(id TreeID, offset int64) (Erasure, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, e := range s.mu.erasures[id] {
		if e.Holds(offset) {
			return *e, true
		}
	}
	return Erasure{}, false
}

// Erasures returns the erasures of a tree, in the order of their entries.
func (s *Store) Erasures(id TreeID) []Erasure {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]Erasure, len(s.mu.erasures[id]))
	for i, e := range s.mu.erasures[id] {
		list[i] = *e
	}
	return list
}

// FinishErasure notes that nothing is left to do for an erasure.
func (s *Store) FinishErasure(id TreeID, rootIndex int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.mu.erasures[id] {
		if e.RootIndex == rootIndex {
			e.Done = true
		}
	}
}

// An erasedLine is what the state file has of an erasure; the rest is in the
// entry of the root log.
type erasedLine struct {
	index int64
	done  bool
}

const (
	erasureDone    = "done"
	erasurePending = "pending"
)

func (e erasedLine) progress() string {
	if e.done {
		return erasureDone
	}
	return erasurePending
}

func (s *state) decodeErased(index, progress string) error {
	n, err := strconv.ParseInt(index, 10, 64)
	if err != nil {
		return err
	}
	if progress != erasureDone && progress != erasurePending {
		return fmt.Errorf("%q is neither %q nor %q", progress, erasureDone, erasurePending)
	}
	s.erased = append(s.erased, erasedLine{n, progress == erasureDone})
	return nil
}

// readErasures learns of the erasures that the state file names.
func (s *Store) readErasures(lines []erasedLine) error {
	slices.SortFunc(lines, func(a, b erasedLine) int { return cmp.Compare(a.index, b.index) })
	for _, line := range lines {
		b, err := s.ReadRootEntry(line.index)
		if err != nil {
			return err
		}
		e, err := proof.ParseRootEntry(b)
		if err == nil {
			_, _, err = s.noteErasure(line.index, &e, line.done)
		}
		if err != nil {
			return fmt.Errorf("%w: %s: erasure at %d of the root log: %w", ErrCorrupt, s.path(stateFile), line.index, err)
		}
	}
	return nil
}
