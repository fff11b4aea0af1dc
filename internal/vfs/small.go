package vfs

import (
	"errors"
	"fmt"
	"path/filepath"
)

// SizeError says that a file is longer than what was to be read.
type SizeError struct {
	// Name is the file, Size how many bytes it has, and Most how many were expected
	// at most.
	Name       string
	Size, Most int64
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s has %d bytes, and at most %d are expected", e.Name, e.Size, e.Most)
}

// ReadSmall returns a file of at most so many bytes. The error is a [*SizeError] if
// it has more.
func ReadSmall(fsys FS, name string, most int64) ([]byte, error) {
	f, err := fsys.Open(name, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, &SizeError{name, size, most}
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}

// WriteSmall makes content a file's, durably; its name is not durable. The mode is
// added to what writing needs: [Private], or nothing.
func WriteSmall(fsys FS, name string, content []byte, mode Mode) error {
	f, err := fsys.Open(name, Write|Create|mode)
	if err != nil {
		return err
	}
	_, err1 := f.WriteAt(content, 0)
	err2 := f.Truncate(int64(len(content)))
	err3 := f.Sync()
	return errors.Join(err1, err2, err3, f.Close())
}

// ReplaceSmall gives a name a file with content in one step: after a crash it is
// the old one, or the new. When it returns nil, it is the new one for good. The
// file is written beside it first, under the name with ".next".
func ReplaceSmall(fsys FS, name string, content []byte, mode Mode) error {
	next := name + ".next"
	if err := WriteSmall(fsys, next, content, mode); err != nil {
		return err
	}
	if err := fsys.Rename(next, name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}
