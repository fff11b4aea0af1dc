package vfstest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/evidentlog/evident/internal/vfs"
)

// Remains wraps a filesystem and remembers what a disk may still hold when files
// are removed, replaced or cut: the bytes that they had then. Nobody can read
// them through the filesystem, and somebody may who has the disk.
type Remains struct {
	vfs.FS

	mu   sync.Mutex
	gone []remnant
}

type remnant struct {
	name  string
	bytes []byte
}

// Find looks for bytes in all files below a folder, and in what was removed. It
// returns where they are, empty if they are nowhere.
func (r *Remains) Find(dir string, want []byte) (where string, err error) {
	r.mu.Lock()
	for _, g := range r.gone {
		if bytes.Contains(g.bytes, want) {
			where = "what was removed of " + g.name
		}
	}
	r.mu.Unlock()
	if where != "" {
		return where, nil
	}
	return Find(r.FS, dir, want)
}

// Find looks for bytes in all files below a folder. It returns the name of one
// that has them, empty if none has.
func Find(fsys vfs.FS, dir string, want []byte) (name string, err error) {
	list, err := fsys.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range list {
		path := dir + "/" + e.Name()
		if e.IsDir() {
			name, err = Find(fsys, path, want)
		} else if has, failed := contains(fsys, path, want); has {
			name = path
		} else if !errors.Is(failed, fs.ErrNotExist) { // removed meanwhile
			err = failed
		}
		if name != "" || err != nil {
			return name, err
		}
	}
	return "", nil
}

func contains(fsys vfs.FS, name string, want []byte) (bool, error) {
	b, err := content(fsys, name)
	return bytes.Contains(b, want), err
}

func content(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}

// remember keeps the bytes of a file from a position on, if there is one.
func (r *Remains) remember(name string, from int64) {
	b, err := content(r.FS, name)
	if err != nil || int64(len(b)) <= from {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = append(r.gone, remnant{fmt.Sprintf("%s, from byte %d on", name, from), b[from:]})
}

// rememberAll is remember for a file, or all files below a folder.
func (r *Remains) rememberAll(name string) {
	list, err := r.FS.ReadDir(name)
	if err != nil {
		r.remember(name, 0)
		return
	}
	for _, e := range list {
		r.rememberAll(name + "/" + e.Name())
	}
}

// Remove implements vfs.FS.
func (r *Remains) Remove(name string) error {
	r.remember(name, 0)
	return r.FS.Remove(name)
}

// RemoveAll implements vfs.FS.
func (r *Remains) RemoveAll(name string) error {
	r.rememberAll(name)
	return r.FS.RemoveAll(name)
}

// Rename implements vfs.FS.
func (r *Remains) Rename(oldName, newName string) error {
	r.remember(newName, 0)
	return r.FS.Rename(oldName, newName)
}

// Open implements vfs.FS.
func (r *Remains) Open(name string, mode vfs.Mode) (vfs.File, error) {
	f, err := r.FS.Open(name, mode)
	if err != nil {
		return nil, err
	}
	return &remainsFile{f, r}, nil
}

type remainsFile struct {
	vfs.File
	of *Remains
}

// Truncate implements vfs.File.
func (f *remainsFile) Truncate(size int64) error {
	f.of.remember(f.Name(), size)
	return f.File.Truncate(size)
}
