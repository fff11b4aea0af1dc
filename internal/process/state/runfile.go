package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/evidentlog/evident/internal/vfs"
)

// A run that was put aside is a file of blocks: length of what follows the checksum, 4
// bytes, CRC-32C of that, 4 bytes, and items: length of the key and length of the value +
// 1, both uvarint, 0 for a deletion, key, value. It is read once, by the process that has
// written it.
const (
	runBlock  = 64 << 10
	runHeader = 8
)

// putAside sorts the run and writes it to a file.
func (r *Restore) putAside() error {
	db := r.task.db
	name := db.folder.path(fmt.Sprintf("restore-%d%s", db.runs.Add(1), runSuffix))
	r.run.sort()
	r.files = append(r.files, name)
	if err := writeRun(db.cfg.FS, name, &runReader{run: &r.run}); err != nil {
		return err
	}
	r.run.clear()
	return nil
}

// removeRuns removes the files. One that cannot be is left to the next Open.
func (r *Restore) removeRuns() {
	for _, name := range r.files {
		if err := r.task.db.cfg.FS.Remove(name); err != nil {
			r.task.db.cfg.Logger.Warn("a file of a restore is left over", "file", name, "error", err)
		}
	}
	r.files = nil
}

func writeRun(fs vfs.FS, name string, from *runReader) (err error) {
	f, err := fs.Open(name, vfs.Create)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := runWriter{f: f, block: make([]byte, runHeader, runBlock+runHeader)}
	for {
		ok, err := from.next()
		if err != nil {
			return err
		}
		if !ok {
			return w.flush()
		}
		if err := w.add(from.at()); err != nil {
			return err
		}
	}
}

type runWriter struct {
	f     vfs.File
	off   int64
	block []byte
}

func (w *runWriter) add(key, value []byte) error {
	length := 0
	if value != nil {
		length = 1 + len(value)
	}
	w.block = binary.AppendUvarint(w.block, uint64(len(key)))
	w.block = binary.AppendUvarint(w.block, uint64(length))
	w.block = append(append(w.block, key...), value...)
	if len(w.block) < runBlock {
		return nil
	}
	return w.flush()
}

func (w *runWriter) flush() error {
	content := w.block[runHeader:]
	binary.BigEndian.PutUint32(w.block, uint32(len(content)))
	binary.BigEndian.PutUint32(w.block[4:], crc32.Checksum(content, castagnoli))
	n, err := w.f.WriteAt(w.block, w.off)
	w.off += int64(n)
	w.block = w.block[:runHeader]
	return err
}

// A fileReader goes through a run that was put aside.
type fileReader struct {
	f          vfs.File
	off        int64
	block      []byte
	rest       []byte
	key, value []byte
}

func openRun(fs vfs.FS, name string) (*fileReader, error) {
	f, err := fs.Open(name, 0)
	if err != nil {
		return nil, err
	}
	return &fileReader{f: f}, nil
}

func (r *fileReader) at() (key, value []byte) { return r.key, r.value }
func (r *fileReader) close() error            { return r.f.Close() }

func (r *fileReader) next() (ok bool, err error) {
	if len(r.rest) == 0 {
		if ok, err := r.load(); !ok || err != nil {
			return false, err
		}
	}
	klen, n := binary.Uvarint(r.rest)
	vlen, m := binary.Uvarint(r.rest[max(0, n):])
	if n <= 0 || m <= 0 {
		return false, r.damaged("an item without length")
	}
	b := r.rest[n+m:]
	size := max(vlen, 1) - 1
	if klen > uint64(len(b)) || size > uint64(len(b))-klen {
		return false, r.damaged("an item that is cut off")
	}
	r.key, r.value = b[:klen], nil
	if vlen > 0 {
		r.value = b[klen : klen+size]
	}
	r.rest = b[klen+size:]
	return true, nil
}

// load reads the next block; ok is false behind the last.
func (r *fileReader) load() (ok bool, err error) {
	var header [runHeader]byte
	switch n, err := r.f.ReadAt(header[:], r.off); {
	case n == 0 && errors.Is(err, io.EOF):
		return false, nil
	case n < runHeader:
		return false, r.damaged("a block without header")
	}
	size := int(binary.BigEndian.Uint32(header[:]))
	if rest, err := r.f.Size(); err != nil || int64(size) > rest-r.off-runHeader {
		return false, r.damaged("a block that is cut off")
	}
	if cap(r.block) < size {
		r.block = make([]byte, size)
	}
	r.block = r.block[:size]
	if _, err := r.f.ReadAt(r.block, r.off+runHeader); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if crc32.Checksum(r.block, castagnoli) != binary.BigEndian.Uint32(header[4:]) {
		return false, r.damaged("a block whose checksum does not match")
	}
	r.off += int64(runHeader + size)
	r.rest = r.block
	return size > 0, nil
}

func (r *fileReader) damaged(what string) error {
	return fmt.Errorf("%w: %s has %s at offset %d", ErrCorrupt, r.f.Name(), what, r.off)
}
