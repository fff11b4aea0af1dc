package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"sort"

	"github.com/evidentlog/evident/internal/vfs"
)

// Kafka's sparse indexes: sorted entries of fixed size, big-endian.
//
//	.index      last offset of a batch uint32, its file position uint32
//	.timeindex  timestamp int64, last offset of the batch that has it uint32
//
// Offsets are relative to the segment's base offset.
const (
	offsetEntry = 8
	timeEntry   = 12
)

// unknownEntries stands for the number of entries of an index file that has not
// been looked at since the log was opened.
const unknownEntries = -1

// errIndexTorn says that an index file cannot be what was written.
var errIndexTorn = errors.New("torn index")

// index is one sparse index: entries in a file, and after them entries that
// are not written yet. It is guarded by its partition's lock; the file part is
// read through the file cache.
type index struct {
	owner   *owner
	name    string
	entry   int // bytes
	stored  int // entries in the file
	pending []byte
}

func (x *index) len() int { return x.stored + len(x.pending)/x.entry }

// reader gives access to an index's entries as they were when it was made, so
// that searching the file needs no lock.
type reader struct {
	index
	files *fileCache
	file  *cachedFile
	buf   [abortEntrySize]byte // room for the largest
}

func (x *index) reader(files *fileCache) *reader { return &reader{index: *x, files: files} }

func (r *reader) close() {
	if r.file != nil {
		r.file.release()
	}
}

// at returns entry i; it is valid until the next call.
func (r *reader) at(i int) ([]byte, error) {
	if i >= r.stored {
		at := (i - r.stored) * r.entry
		return r.pending[at : at+r.entry], nil
	}
	if r.file == nil {
		f, err := r.files.open(r.owner, r.name, false)
		if err != nil {
			return nil, err
		}
		r.file = f
	}
	b := r.buf[:r.entry]
	if _, err := r.file.ReadAt(b, int64(i*r.entry)); err != nil {
		return nil, fmt.Errorf("entry %d of %d: %w", i, r.stored, err)
	}
	return b, nil
}

// search returns the last entry for which before is true, or ok false.
// before must be true for a prefix of the entries.
func (r *reader) search(before func(entry []byte) bool) (entry []byte, ok bool, err error) {
	n, err := r.count(before)
	if err != nil || n == 0 {
		return nil, false, err
	}
	entry, err = r.at(n - 1)
	return entry, err == nil, err
}

// count returns for how many entries before is true, which are a prefix.
func (r *reader) count(before func(entry []byte) bool) (n int, err error) {
	n = sort.Search(r.len(), func(i int) bool {
		if err != nil {
			return true
		}
		var e []byte
		if e, err = r.at(i); err != nil {
			return true
		}
		return !before(e)
	})
	return n, err
}

// write puts the pending entries into the file, which is created if missing
// and cut to what is known to be in it.
func (x *index) write(fsys vfs.FS, sync bool) error {
	f, err := fsys.Open(x.name, vfs.Create)
	if err != nil {
		return err
	}
	return errors.Join(x.writeTo(f, sync), f.Close())
}

func (x *index) writeTo(f vfs.File, sync bool) error {
	at := int64(x.stored * x.entry)
	if _, err := f.WriteAt(x.pending, at); err != nil {
		return err
	}
	if err := f.Truncate(at + int64(len(x.pending))); err != nil {
		return err
	}
	if sync {
		return f.Sync()
	}
	return nil
}

// first is a copy of x with the first n entries, if all others are pending.
func (x *index) first(n int) index {
	c := *x
	c.pending = c.pending[:max(0, n-c.stored)*c.entry]
	return c
}

// cut makes sure that the file has no entries beyond those known: recovery may
// find some of batches that were lost.
func (x *index) cut(fsys vfs.FS) error {
	info, err := fsys.Stat(x.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Size() <= int64(x.stored*x.entry) {
		return nil
	}
	f, err := fsys.Open(x.name, vfs.Write)
	if err != nil {
		return err
	}
	if err = f.Truncate(int64(x.stored * x.entry)); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func appendOffsetEntry(b []byte, rel, pos uint32) []byte {
	b = binary.BigEndian.AppendUint32(b, rel)
	return binary.BigEndian.AppendUint32(b, pos)
}

func appendTimeEntry(b []byte, timestamp int64, rel uint32) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(timestamp))
	return binary.BigEndian.AppendUint32(b, rel)
}

func offsetOf(e []byte) (rel, pos uint32) {
	return binary.BigEndian.Uint32(e), binary.BigEndian.Uint32(e[4:])
}

func timeOf(e []byte) (timestamp int64, rel uint32) {
	return int64(binary.BigEndian.Uint64(e)), binary.BigEndian.Uint32(e[8:])
}

// wrote notes that the entries of w, an earlier copy of x, are in the file.
func (x *index) wrote(w *index) {
	x.stored = w.len()
	x.pending = append([]byte(nil), x.pending[len(w.pending):]...)
}

// wroteAll notes that all entries are in the file.
func (x *index) wroteAll() { x.stored, x.pending = x.len(), nil }

// checkIndexes verifies the stored entries of an active segment's indexes
// against the point up to which they must be right: ascending, and before
// offset and pos.
func (s *segment) checkIndexes(files *fileCache, offset, pos int64) error {
	lastRel, lastPos := int64(-1), int64(-1)
	err := s.offsets.each(files, func(e []byte) bool {
		rel, at := offsetOf(e)
		ok := int64(rel) > lastRel && int64(at) > lastPos && s.base+int64(rel) < offset && int64(at) < pos
		lastRel, lastPos = int64(rel), int64(at)
		return ok
	})
	if err != nil {
		return err
	}
	s.indexedTime = math.MinInt64
	return s.times.each(files, func(e []byte) bool {
		t, rel := timeOf(e)
		ok := t > s.indexedTime && s.base+int64(rel) < offset
		s.indexedTime = t
		return ok
	})
}

// checkSize verifies that the file has the stored entries.
func (x *index) checkSize(fs vfs.FS) error {
	if x.stored == 0 {
		return nil
	}
	info, err := fs.Stat(x.name)
	if err == nil && info.Size() < int64(x.stored*x.entry) {
		err = fmt.Errorf("%w: %s has %d bytes, %d entries of %d bytes were written", errIndexTorn, x.name, info.Size(), x.stored, x.entry)
	}
	return err
}

// each calls sound for every stored entry and fails on the first that is not.
func (x *index) each(files *fileCache, sound func(e []byte) bool) error {
	if x.stored == 0 {
		return nil
	}
	f, err := files.open(x.owner, x.name, false)
	if err != nil {
		return err
	}
	defer f.release()
	b := make([]byte, x.stored*x.entry)
	if _, err := f.ReadAt(b, 0); err != nil {
		return fmt.Errorf("%s: %d entries: %w", x.name, x.stored, err)
	}
	for i := 0; i < len(b); i += x.entry {
		if !sound(b[i : i+x.entry]) {
			return fmt.Errorf("%w: %s, entry %d", errIndexTorn, x.name, i/x.entry)
		}
	}
	return nil
}

// measure finds out how many entries a sealed segment's index file has.
func (x *index) measure(files *fileCache) error {
	f, err := files.open(x.owner, x.name, false)
	if err != nil {
		return err
	}
	defer f.release()
	size, err := f.Size()
	if err != nil {
		return err
	}
	if size == 0 || size%int64(x.entry) != 0 {
		return fmt.Errorf("%w: %s has %d bytes", errIndexTorn, x.name, size)
	}
	x.stored = int(size) / x.entry
	return nil
}
