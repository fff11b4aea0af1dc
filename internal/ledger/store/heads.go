package store

import (
	"encoding/binary"
	"fmt"
	"io"

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
	newest map[string]int64 // index of the newest entry of each origin
}

// link appends the links of entries of the root log from first on.
func (s *Store) link(first int64, entries [][]byte) error {
	var made []byte
	err := withFile(s.fs, s.rootFile(headsFile), func(f vfs.File) error {
		read := func(index int64) (link, error) {
			if index >= first {
				return decodeLink(made[(index-first)*linkSize:]), nil
			}
			return readLink(f, index)
		}
		for i, b := range entries {
			e, err := proof.ParseRootEntry(b)
			if err != nil {
				return err
			}
			k, err := s.linker.next(first+int64(i), e.Checkpoint, read)
			if err != nil {
				return err
			}
			made = k.encode(made)
		}
		_, err := f.WriteAt(made, first*linkSize)
		return err
	})
	return err
}

// next returns the link of a new entry.
func (l *linker) next(index int64, head proof.Checkpoint, read func(int64) (link, error)) (link, error) {
	before, ok := l.newest[head.Origin]
	l.newest[head.Origin] = index
	if !ok {
		return link{head.Size, index, index, 1}, nil
	}
	p, err := read(before)
	if err != nil {
		return link{}, err
	}
	j, err := read(p.jump)
	if err != nil {
		return link{}, err
	}
	jj, err := read(j.jump)
	if err != nil {
		return link{}, err
	}
	k := link{head.Size, before, before, p.depth + 1}
	if p.depth-j.depth == j.depth-jj.depth {
		k.jump = j.jump
	}
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
	s.linker.newest = map[string]int64{}
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
