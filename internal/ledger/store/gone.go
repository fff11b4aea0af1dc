package store

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/evidentlog/evident/proof"
)

// Who stands in an entry of the root log for having asked, where nobody has. The
// records are gone before their salts are, so nothing is left to do, and all such
// erasures of a tree are one: there is a new entry every few minutes, for ever.
const (
	ByRetention = "retention" // the log's start was raised, by retention or DeleteRecords
	ByDeletion  = "deletion"  // the topic was deleted
)

// swept tells whether nobody asked for an erasure.
func (e *Erasure) swept() bool { return e.By == ByRetention || e.By == ByDeletion }

// withErasure is a tree's erasures with one more. Those that there are do not change:
// readers may have them.
func withErasure(list []*Erasure, e *Erasure) []*Erasure {
	if !e.swept() {
		return append(list, e)
	}
	e.Done = true
	i := slices.IndexFunc(list, func(old *Erasure) bool { return old.By == e.By })
	if i < 0 {
		return append(list, e)
	}
	all := *e
	all.Offsets, all.Merged = union(list[i].Offsets, e.Offsets), true
	list[i] = &all
	return list
}

// union is both, in rising order and with gaps.
func union(a, b []proof.Range) (all []proof.Range) {
	both := slices.SortedFunc(slices.Values(slices.Concat(a, b)), func(x, y proof.Range) int { return cmp.Compare(x.First, y.First) })
	for _, r := range both {
		if n := len(all); n > 0 && r.First-1 <= all[n-1].Last {
			all[n-1].Last = max(all[n-1].Last, r.Last)
			continue
		}
		all = append(all, r)
	}
	return all
}

// A goneLine is what the state file has of the erasures of a tree that nobody asked
// for: all their offsets, and their newest entry in the root log.
type goneLine struct {
	tree    TreeID
	index   int64
	by      string
	offsets []proof.Range
}

func (g *goneLine) String() string {
	return fmt.Sprintf("gone %d %d %s %s\n", g.tree, g.index, g.by, proof.FormatRanges(g.offsets))
}

func (s *state) decodeGone(words []string) error {
	tree, err := strconv.ParseUint(words[0], 10, 64)
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil {
		return err
	}
	offsets, err := proof.ParseRanges(words[3])
	s.gone = append(s.gone, goneLine{TreeID(tree), index, words[2], offsets})
	return err
}

// readGone learns what the state file says is gone.
func (s *Store) readGone(lines []goneLine) error {
	for i := range lines {
		g := &lines[i]
		at, err := s.newestGone(g)
		if err != nil {
			return fmt.Errorf("%w: %s: erasure at %d of the root log: %w", ErrCorrupt, s.path(stateFile), g.index, err)
		}
		s.mu.erasures[g.tree] = append(s.mu.erasures[g.tree],
			&Erasure{RootIndex: g.index, Time: at, By: g.by, Offsets: g.offsets, Done: true, Merged: true})
	}
	return nil
}

// newestGone reads when the newest entry of a line was made, and checks that it is
// what the line says.
func (s *Store) newestGone(g *goneLine) (time.Time, error) {
	b, err := s.ReadRootEntry(g.index)
	if err != nil {
		return time.Time{}, err
	}
	e, err := proof.ParseRootEntry(b)
	if err != nil {
		return time.Time{}, err
	}
	_, by, err := e.Erased()
	if err != nil {
		return time.Time{}, err
	}
	if id, ok := s.Find(e.Checkpoint.Origin); !ok || id != g.tree || by != g.by {
		return time.Time{}, fmt.Errorf("it is of %s by %s, and the line is of tree %d by %s", e.Checkpoint.Origin, by, g.tree, g.by)
	}
	return time.UnixMilli(e.Time).UTC(), nil
}
