package checkpoints

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/evidentlog/evident/internal/vfs"
)

// recover finds the last whole slot. Each is synced before the next is written,
// so only one can be torn. A last slot that was whole, and has rotted, is put
// aside before it is cut off: it may have been all that is left of a checkpoint.
func (s *slots) recover(fsys vfs.FS) error {
	end, err := s.file.Size()
	if err != nil {
		return err
	}
	count := (end - headerSize) / s.size
	last, err := s.at(count - 1)
	if errors.Is(err, ErrCorrupt) && (end-headerSize)%s.size == 0 {
		if rotten := s.putAside(fsys, count-1); rotten != nil {
			return rotten
		}
		count--
		last, err = s.at(count - 1)
	}
	if err != nil {
		return err
	}
	s.mu.count, s.mu.last = count, last
	if whole := s.position(count); whole != end {
		return errors.Join(s.file.Truncate(whole), s.file.Sync())
	}
	return nil
}

// damagedSuffix is behind the name of a file in that of a copy of a slot of it
// that has rotted, and then the slot's number.
const damagedSuffix = ".damaged-"

// putAside copies the last slot, which has a wrong checksum, into a file of its
// own, unless a power cut has torn it.
func (s *slots) putAside(fsys vfs.FS, i int64) error {
	b := make([]byte, s.size)
	if _, err := s.file.ReadAt(b, s.position(i)); err != nil {
		return err
	}
	if torn(b, s.position(i)) {
		return nil
	}
	name := fmt.Sprintf("%s%s%d", s.file.Name(), damagedSuffix, i)
	f, err := fsys.Open(name, vfs.Write|vfs.Create)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close(), fsys.SyncDir(filepath.Dir(name))); err != nil {
		return err
	}
	s.rotten = fmt.Errorf("%w: %s: the last checkpoint, %d, at byte %d was written whole and has a wrong checksum now: it is cut off, and a copy is in %s",
		ErrCorrupt, s.file.Name(), i, s.position(i), name)
	return nil
}

// sector is what disks write as a whole, at least.
const sector = 512

// torn tells whether a slot at a place in the file can be one that was never
// written whole. What a power cut leaves of bytes behind a file's end is, sector
// by sector, what was written or zeros; and no sector of a slot is zeros, but for a
// few bytes of its size at its beginning.
func torn(slot []byte, at int64) bool {
	const size = 8 // in bytes, of which the first are zeros
	for from := 0; from < len(slot); {
		to := min(len(slot), from+sector-int((at+int64(from))%sector))
		if to >= size && !slices.ContainsFunc(slot[from:to], func(b byte) bool { return b != 0 }) {
			return true
		}
		from = to
	}
	return false
}
