package store

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/vfs"
)

const (
	journalDir    = "journal"
	journalSuffix = ".rounds"
)

// A journal appends frames to a file. One goroutine owns it.
type journal struct {
	fs   vfs.FS
	dir  string
	id   uint64 // of the file in use
	file vfs.File
	end  int64
	buf  []byte
}

func (j *journal) name(id uint64) string {
	return fmt.Sprintf("%s/%020d%s", j.dir, id, journalSuffix)
}

// start goes on in a new file, and closes the one before.
func (j *journal) start(id uint64) error {
	f, err := j.fs.Open(j.name(id), vfs.Write|vfs.Create)
	if err != nil {
		return err
	}
	if err := j.fs.SyncDir(j.dir); err != nil {
		return errors.Join(err, f.Close())
	}
	err = j.close()
	j.id, j.file, j.end = id, f, 0
	return err
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}

// append makes a frame durable.
func (j *journal) append(f *frame) error {
	j.buf = f.append(j.buf[:0])
	if _, err := j.file.WriteAt(j.buf, j.end); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.end += int64(len(j.buf))
	return nil
}

// ids lists the files that there are, in rising order.
func (j *journal) ids() ([]uint64, error) {
	list, err := j.fs.ReadDir(j.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var ids []uint64
	for _, e := range list {
		digits, ok := strings.CutSuffix(e.Name(), journalSuffix)
		id, err := strconv.ParseUint(digits, 10, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("%w: %s/%s is no file of the journal; move it away", ErrCorrupt, j.dir, e.Name())
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// replay calls apply with the frames of a file in order. The last file may have
// a torn end, which is cut off before another file is begun; a whole frame
// behind what cannot be read is damage.
func (j *journal) replay(id uint64, last bool, apply func(*frame) error) error {
	b, err := readFile(j.fs, j.name(id))
	if err != nil {
		return err
	}
	for at := 0; at < len(b); {
		f, size, err := readFrame(b[at:])
		if errors.Is(err, errTorn) {
			if err := j.checkEnd(id, last, at, b); err != nil {
				return err
			}
			return j.cut(id, int64(at))
		}
		if err != nil {
			return err
		}
		if err := apply(f); err != nil {
			return err
		}
		at += size
	}
	return nil
}

// checkEnd tells whether what cannot be read is a torn end.
func (j *journal) checkEnd(id uint64, last bool, at int, b []byte) error {
	if !last {
		return fmt.Errorf("%w: %s: the frame at byte %d cannot be read, and later files go on", ErrCorrupt, j.name(id), at)
	}
	for i := at + 1; i < len(b); i++ {
		if b[i] != frameMagic[0] {
			continue
		}
		if _, _, err := readFrame(b[i:]); !errors.Is(err, errTorn) {
			return fmt.Errorf("%w: %s: the frame at byte %d cannot be read, and another follows at byte %d", ErrCorrupt, j.name(id), at, i)
		}
	}
	return nil
}

// cut makes a file end where its last whole frame does.
func (j *journal) cut(id uint64, size int64) error {
	return withFile(j.fs, j.name(id), func(f vfs.File) error {
		was, err := f.Size()
		if err != nil {
			return err
		}
		// What is cut off has salts too, of rounds that never were.
		if err := errors.Join(zero(f, size, was), f.Sync()); err != nil {
			return err
		}
		if err := f.Truncate(size); err != nil {
			return err
		}
		return f.Sync()
	})
}

// remove overwrites a file with zeros before it is deleted: it has salts, which
// must not outlive their erasure in blocks that the disk has not used again.
func (j *journal) remove(id uint64) error {
	err := withFile(j.fs, j.name(id), func(f vfs.File) error {
		size, err := f.Size()
		if err != nil {
			return err
		}
		if err := zero(f, 0, size); err != nil {
			return err
		}
		return f.Sync()
	})
	if err != nil {
		return err
	}
	return j.fs.Remove(j.name(id))
}

// zero overwrites bytes of a file.
func zero(f vfs.File, from, to int64) error {
	const step = 1 << 20
	zeros := make([]byte, min(step, to-from))
	for ; from < to; from += step {
		if _, err := f.WriteAt(zeros[:min(step, to-from)], from); err != nil {
			return err
		}
	}
	return nil
}
