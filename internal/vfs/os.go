package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Permissions of what is created, before the umask: a log's contents are
// nobody's business outside its group.
const (
	filePerm    fs.FileMode = 0o640
	privatePerm fs.FileMode = 0o600
	dirPerm     fs.FileMode = 0o750
)

// OS is the machine's disk.
func OS() FS { return osFS{} }

type osFS struct{}

// osFile adds to *os.File what [File] says differently. Being one pointer, it
// fits an interface without an allocation.
type osFile struct{ *os.File }

func (osFS) Open(name string, mode Mode) (File, error) {
	perm := filePerm
	if mode&Private != 0 {
		perm = privatePerm
	}
	f, err := os.OpenFile(name, osFlags(mode), perm)
	if err != nil {
		return nil, err
	}
	if mode&Direct != 0 {
		if err := setDirect(f); err != nil {
			return nil, errors.Join(pathError("open direct", name, err), f.Close())
		}
	}
	return osFile{f}, nil
}

func osFlags(mode Mode) int {
	flags := os.O_RDONLY
	if mode&(Write|Create) != 0 {
		flags = os.O_RDWR
	}
	if mode&Create != 0 {
		flags |= os.O_CREATE
	}
	if mode&Exclusive != 0 {
		flags |= os.O_EXCL
	}
	return flags
}

func (osFS) MkdirAll(dir string) error   { return os.MkdirAll(dir, dirPerm) }
func (osFS) Remove(name string) error    { return os.Remove(name) }
func (osFS) RemoveAll(name string) error { return os.RemoveAll(name) }
func (osFS) SyncDir(dir string) error    { return syncDir(dir) }
func (osFS) Space(dir string) (Space, error) {
	s, err := spaceOf(dir)
	return s, pathError("statfs", dir, err)
}

func (osFS) Stat(name string) (fs.FileInfo, error)     { return os.Stat(name) }
func (osFS) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }

func (osFS) Rename(oldName, newName string) error {
	err := os.Rename(oldName, newName)
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return renameError(oldName, newName, link.Err)
	}
	return err
}

func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(pathError("lock", name, err), f.Close())
	}
	return f, nil
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// pathError gives err the operation and the name, as package os does; nil
// stays nil.
func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func renameError(oldName, newName string, err error) error {
	return pathError("rename", oldName, fmt.Errorf("to %s: %w", newName, err))
}
