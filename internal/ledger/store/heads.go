package store

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// headsFile links the heads of each tree in the root log, oldest to newest, so
// that the first one that covers an offset is found. It has a link for each entry
// of the root log, says nothing that the entries do not, and is made again from
// them where it is missing.
const (
	headsFile = "heads"
	linkSize  = 32
)

// A link is an entry of the root log among those of its tree. A jump leads
// further back, so that a search takes a logarithm of the number of heads: links
// are a skew-binary list, as in Myers, "An applicative random-access stack" (1983).
type link struct {
	size     int64 // of the tree
	previous int64 // index of the entry before it of the same tree; its own in the first
	jump     int64 // index of an earlier one; its own in the first
	depth    int64 // how many there are up to this one; 0 in what was never written
}

func (k *link) encode(to []byte) []byte {
	for _, n := range []int64{k.size, k.previous, k.jump, k.depth} {
		to = binary.BigEndian.AppendUint64(to, uint64(n))
	}
	return to
}

func decodeLink(b []byte) link {
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[8*i:])) }
	return link{at(0), at(1), at(2), at(3)}
}

// A linker makes the links of entries that are added. It is owned by the
// goroutine that commits.
type linker struct {
	newest map[string]int64 // index of the newest entry of each origin, where it has no spine
	spines map[string]spine // of trees that have grown since the store was opened
}

// A spine is a tree's newest link, last, and before it what its jump leads to, and
// so on down to the first: all that a next link is made of, so that no link has to
// be read for it. There are no more than twice the logarithm of all.
type spine []vertebra

// A vertebra is what a spine knows of a link.
type vertebra struct{ index, depth int64 }

// at returns the i-th vertebra from the end; the first leads to itself.
func (s spine) at(i int) vertebra { return s[max(0, len(s)-1-i)] }

// grow returns the link of a tree's next entry, and the spine with it.
func (s spine) grow(index, size int64) (link, spine) {
	if len(s) == 0 {
		return link{size, index, index, 1}, spine{{index, 1}}
	}
	p, j, jj := s.at(0), s.at(1), s.at(2)
	k := link{size, p.index, p.index, p.depth + 1}
	if p.depth-j.depth == j.depth-jj.depth {
		k.jump = jj.index
		s = s[:max(1, len(s)-2)]
	}
	return k, append(s, vertebra{index, k.depth})
}

// readSpine reads the spine that ends with a link.
func readSpine(f io.ReaderAt, index int64) (spine, error) {
	var s spine
	for {
		k, err := readLink(f, index)
		if err != nil {
			return nil, err
		}
		s = append(s, vertebra{index, k.depth})
		if k.depth == 1 {
			slices.Reverse(s)
			return s, nil
		}
		index = k.jump
	}
}

// link appends the links of entries of the root log from first on.
func (s *Store) link(first int64, roots []proof.RootEntry) error {
	made := make([]byte, 0, len(roots)*linkSize)
	return withFile(s.fs, s.rootFile(headsFile), func(f vfs.File) error {
		for i := range roots {
			k, err := s.linker.next(f, first+int64(i), &roots[i].Checkpoint)
			if err != nil {
				return err
			}
			made = k.encode(made)
		}
		_, err := f.WriteAt(made, first*linkSize)
		return err
	})
}

// next returns the link of a new entry.
func (l *linker) next(f io.ReaderAt, index int64, head *proof.Checkpoint) (k link, err error) {
	before, ok := l.spines[head.Origin]
	if newest, found := l.newest[head.Origin]; !ok && found {
		if before, err = readSpine(f, newest); err != nil {
			return link{}, err
		}
		delete(l.newest, head.Origin)
	}
	k, l.spines[head.Origin] = before.grow(index, head.Size)
	return k, nil
}

func readLink(f io.ReaderAt, index int64) (link, error) {
	b := make([]byte, linkSize)
	if n, err := f.ReadAt(b, index*linkSize); n < linkSize {
		return link{}, fmt.Errorf("%w: %s: link %d: %w", ErrCorrupt, headsFile, index, err)
	}
	k := decodeLink(b)
	if k.depth < 1 || k.previous > index || k.jump > k.previous || k.jump < 0 || (k.previous == index) != (k.depth == 1) {
		return link{}, fmt.Errorf("%w: %s: link %d is none", ErrCorrupt, headsFile, index)
	}
	return k, nil
}

// hasLinks tells whether the links of a root log of a size are all there.
func (s *Store) hasLinks(size int64) bool {
	err := withFile(s.fs, s.rootFile(headsFile), func(f vfs.File) error {
		_, err := readLink(f, size-1)
		return err
	})
	return err == nil
}

// learnNewest sets the linker to where the trees' heads are.
func (s *Store) learnNewest(heads map[TreeID]*Head) {
	s.linker = linker{newest: map[string]int64{}, spines: map[string]spine{}}
	for _, h := range heads {
		if h.RootIndex >= 0 {
			s.linker.newest[h.Origin] = h.RootIndex
		}
	}
}

// FirstHead returns the first head of a tree that covers an offset, or the
// newest if none does.
func (s *Store) FirstHead(newest Head, offset int64) (Head, error) {
	if newest.RootIndex < 0 || newest.Size <= offset {
		return newest, nil
	}
	f, err := s.readers.acquire(s.rootFile(headsFile))
	if err != nil {
		return Head{}, notFoundIsCorrupt(err)
	}
	index, err := firstLink(f, newest.RootIndex, offset)
	s.readers.release(f, err == nil)
	if err != nil || index == newest.RootIndex {
		return newest, err
	}
	b, err := s.ReadRootEntry(index)
	if err != nil {
		return Head{}, err
	}
	e, err := proof.ParseRootEntry(b)
	if err == nil && (e.Checkpoint.Origin != newest.Origin || e.Checkpoint.Size <= offset) {
		err = fmt.Errorf("%w: %s: link %d leads astray", ErrCorrupt, headsFile, index)
	}
	return Head{e.Checkpoint, index, e.Kind == proof.ClosedEntry}, err
}

// firstLink goes back from a link whose head covers an offset to the first that
// does.
func firstLink(f io.ReaderAt, index, offset int64) (int64, error) {
	k, err := readLink(f, index)
	for err == nil && k.depth > 1 {
		var earlier link
		to := k.jump
		if earlier, err = readLink(f, to); err == nil && earlier.size <= offset {
			to = k.previous
			earlier, err = readLink(f, to)
		}
		if err != nil || earlier.size <= offset {
			break
		}
		index, k = to, earlier
	}
	return index, err
}

// Closing returns the entry of the root log that closed a tree, which erasures may
// have followed. The tree is closed.
func (s *Store) Closing(newest Head) (e proof.RootEntry, err error) {
	f, err := s.readers.acquire(s.rootFile(headsFile))
	if err != nil {
		return e, notFoundIsCorrupt(err)
	}
	defer func() { s.readers.release(f, err == nil) }()
	for index := newest.RootIndex; ; {
		b, err := s.ReadRootEntry(index)
		if err != nil {
			return e, err
		}
		if e, err = proof.ParseRootEntry(b); err != nil || e.Kind == proof.ClosedEntry {
			return e, err
		}
		k, err := readLink(f, index)
		if err == nil && k.depth == 1 {
			err = fmt.Errorf("%w: no entry of the root log closes %s", ErrCorrupt, newest.Origin)
		}
		if err != nil {
			return e, err
		}
		index = k.previous
	}
}

// SizeAt returns how many leaves a tree had by the first entries of the root log,
// as many as are asked for, which may be more than there are.
func (s *Store) SizeAt(newest Head, root int64) (int64, error) {
	if newest.RootIndex < root { // a tree without a head has none, and no leaves
		return newest.Size, nil
	}
	f, err := s.readers.acquire(s.rootFile(headsFile))
	if err != nil {
		return 0, notFoundIsCorrupt(err)
	}
	size, err := sizeBefore(f, newest.RootIndex, root)
	s.readers.release(f, err == nil)
	return size, err
}

// sizeBefore goes back from a link to the newest one before an index, and returns
// its tree's size; 0 if there is none.
func sizeBefore(f io.ReaderAt, index, before int64) (int64, error) {
	k, err := readLink(f, index)
	for err == nil && index >= before {
		if k.depth == 1 {
			return 0, nil
		}
		if index = k.jump; index < before {
			index = k.previous
		}
		k, err = readLink(f, index)
	}
	return k.size, err
}
