package claim

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/vfs"
)

// spool is a folder for files that are being written.
type spool struct {
	fsys vfs.FS
	dir  string
	next atomic.Uint64
}

// openSpool makes the folder, without what a crash left in it.
func openSpool(fsys vfs.FS, dir string) (*spool, error) {
	return &spool{fsys: fsys, dir: dir}, errors.Join(fsys.RemoveAll(dir), fsys.MkdirAll(dir))
}

// name is that of a file that nobody else writes.
func (s *spool) name() string { return filepath.Join(s.dir, strconv.FormatUint(s.next.Add(1), 10)) }

// spooled is data that has come in whole, in a file of its own.
type spooled struct {
	vfs.File
	fsys   vfs.FS
	size   int64
	digest event.Digest
}

// take writes all of data, of any size, to a file. The caller drops it.
func (s *spool) take(data io.Reader) (*spooled, error) {
	file, err := s.fsys.Open(s.name(), vfs.Write|vfs.Create)
	if err != nil {
		return nil, err
	}
	all, of := &spooled{File: file, fsys: s.fsys}, newSum()
	all.size, err = io.Copy(io.NewOffsetWriter(file, 0), io.TeeReader(data, of))
	if err != nil {
		return nil, errors.Join(err, all.drop())
	}
	all.digest = of.digest()
	return all, nil
}

// drop removes the file.
func (s *spooled) drop() error {
	if err := errors.Join(s.Close(), s.fsys.Remove(s.Name())); err != nil {
		return fmt.Errorf("data that came in is not needed any more: %w", err)
	}
	return nil
}
