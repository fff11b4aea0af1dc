package audit

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// headSize is the size of a head in a spool: size, root hash, index of the entry.
const headSize = 8 + 32 + 8

// flushAt is how many bytes of heads wait in memory before they are written.
const flushAt = 64 << 10

// A treeLog is a tree that is audited, with what the root log says of it. Its
// heads are in a file, since there may be millions: they are needed one after the
// other, and not again.
type treeLog struct {
	proof.Tree
	newest proof.Checkpoint
	index  int64 // of the newest head in the root log
	closed bool
	source *source       // of its records; nil if nobody has them
	erased []proof.Range // sorted, apart from one another once settled

	fs      vfs.FS
	file    string
	written int64  // bytes of heads in the file
	waiting []byte // heads that are not
}

// forbids returns what is wrong with an entry about the tree, empty if nothing is.
func (t *treeLog) forbids(e *proof.RootEntry) string {
	if e.Kind != proof.ErasedEntry && e.Checkpoint.Size < t.newest.Size {
		return fmt.Sprintf("it has size %d, and entry %d gave the tree size %d", e.Checkpoint.Size, t.index, t.newest.Size)
	}
	return ""
}

// head notes the head that an entry of the root log has, and what it erased.
func (t *treeLog) head(index int64, e *proof.RootEntry) error {
	c := e.Checkpoint
	if e.Kind == proof.ErasedEntry {
		ranges, _, err := e.Erased()
		if err != nil {
			return err // it was parsed
		}
		t.erased = append(t.erased, ranges...)
		if c.Size < t.newest.Size || c == t.newest {
			return nil // it repeats an earlier head
		}
	}
	t.newest, t.index, t.closed = c, index, t.closed || e.Kind == proof.ClosedEntry
	t.waiting = binary.BigEndian.AppendUint64(t.waiting, uint64(c.Size))
	t.waiting = append(t.waiting, c.Root[:]...)
	t.waiting = binary.BigEndian.AppendUint64(t.waiting, uint64(index))
	if len(t.waiting) < flushAt {
		return nil
	}
	return t.flush()
}

func (t *treeLog) flush() error {
	if len(t.waiting) == 0 {
		return nil
	}
	f, err := t.fs.Open(t.file, vfs.Write|vfs.Create)
	if err != nil {
		return err
	}
	defer f.Close() // nothing of it must survive
	if _, err := f.WriteAt(t.waiting, t.written); err != nil {
		return err
	}
	t.written += int64(len(t.waiting))
	t.waiting = nil
	return nil
}

// settle sorts and merges what was erased.
func (t *treeLog) settle() {
	slices.SortFunc(t.erased, func(a, b proof.Range) int { return cmp.Compare(a.First, b.First) })
	merged := t.erased[:0]
	for _, r := range t.erased {
		if n := len(merged); n > 0 && r.First <= merged[n-1].Last+1 {
			merged[n-1].Last = max(merged[n-1].Last, r.Last)
			continue
		}
		merged = append(merged, r)
	}
	t.erased = merged
}

// wasErased tells whether the root log says that an offset was erased.
func (t *treeLog) wasErased(offset int64) bool {
	i, found := slices.BinarySearchFunc(t.erased, offset, func(r proof.Range, offset int64) int { return cmp.Compare(r.First, offset) })
	return found || i > 0 && offset <= t.erased[i-1].Last
}

// A headReader gives the heads of a tree, which were flushed, as marks.
type headReader struct {
	tree *treeLog
	at   int64 // in the file
	rest []byte
}

func (r *headReader) next(context.Context) (mark, bool, error) {
	if len(r.rest) == 0 {
		if err := r.fill(); err != nil || len(r.rest) == 0 {
			return mark{}, false, err
		}
	}
	m := mark{size: int64(binary.BigEndian.Uint64(r.rest)), part: HeadPart}
	copy(m.root[:], r.rest[8:])
	m.name = fmt.Sprintf("head in entry %d of the root log", binary.BigEndian.Uint64(r.rest[40:]))
	r.rest = r.rest[headSize:]
	return m, true, nil
}

// fill reads on.
func (r *headReader) fill() error {
	n := min(r.tree.written-r.at, 1000*headSize)
	if n == 0 {
		return nil
	}
	f, err := r.tree.fs.Open(r.tree.file, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	r.rest = make([]byte, n)
	if got, err := f.ReadAt(r.rest, r.at); got < len(r.rest) {
		return fmt.Errorf("%s: %w", r.tree.file, err)
	}
	r.at += n
	return nil
}
