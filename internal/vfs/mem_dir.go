package vfs

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// memEntry is a *memDir or a *memInode.
type memEntry interface {
	info(name string) fs.FileInfo
}

// memDir is a folder, guarded by Mem.mu.
type memDir struct {
	entries map[string]memEntry
	// unsynced are the changes that SyncDir has not made durable, in order. A
	// move in it may be durable by way of the other folder.
	unsynced []*dirOp
	// latest are the last of them, by entry.
	latest map[string]*dirOp
	// placed is the change that made the folder or moved it last; nil if that
	// was before a power cut.
	placed  *dirOp
	modTime time.Time
}

func newMemDir() *memDir {
	return &memDir{
		entries: make(map[string]memEntry),
		latest:  make(map[string]*dirOp),
		modTime: time.Now(),
	}
}

// MkdirAll creates a folder and its parents.
func (m *Mem) MkdirAll(dir string) error {
	clean := cleanName(dir)
	for end := 0; end < len(clean); {
		next := strings.IndexByte(clean[end+1:], '/')
		if end += 1 + next; next < 0 {
			end = len(clean)
		}
		if err := m.change("mkdir", clean[:end], m.mkdir); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mem) mkdir(at place) error {
	_, err := at.subdir()
	if errors.Is(err, fs.ErrNotExist) {
		m.apply(OpMkdir, at.path, edit{at.dir, at.base, nil, newMemDir()})
		return nil
	}
	return err
}

// Remove removes a file or an empty folder. The bytes of a file that is open
// stay until it is closed.
func (m *Mem) Remove(name string) error {
	return m.change("remove", name, func(at place) error {
		if d, ok := at.entry().(*memDir); ok && len(d.entries) > 0 {
			return syscall.ENOTEMPTY
		}
		return m.unlink(at)
	})
}

// RemoveAll removes a file, or a folder and all below it, one entry at a time,
// so a power cut may leave some of it.
func (m *Mem) RemoveAll(name string) error {
	err := m.change("remove", name, m.removeAll)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (m *Mem) removeAll(at place) error {
	if d, ok := at.entry().(*memDir); ok {
		for _, base := range slices.Sorted(maps.Keys(d.entries)) {
			if err := m.removeAll(place{d, base, path.Join(at.path, base)}); err != nil {
				return err
			}
		}
	}
	return m.unlink(at)
}

func (m *Mem) unlink(at place) error {
	e := at.entry()
	switch {
	case e == nil:
		return fs.ErrNotExist
	case at.dir == m.top:
		return syscall.EBUSY
	}
	m.apply(OpRemove, at.path, edit{at.dir, at.base, e, nil})
	if node, ok := e.(*memInode); ok {
		node.leave()
	}
	return nil
}

// Rename replaces newName by oldName. A power cut leaves either both names as
// they were, or both as they are now, which SyncDir on either's folder assures.
func (m *Mem) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.rename(oldName, newName); err != nil {
		return renameError(oldName, newName, err)
	}
	return nil
}

func (m *Mem) rename(oldName, newName string) error {
	if m.dead.Load() {
		return ErrCrashed
	}
	from, err := m.find(oldName)
	if err != nil {
		return err
	}
	to, err := m.find(newName)
	if err != nil {
		return err
	}
	e, replaced := from.entry(), to.entry()
	if err := renameable(from, to, e, replaced); err != nil || e == replaced {
		return err
	}
	m.apply(OpRename, from.path+" to "+to.path,
		edit{from.dir, from.base, e, nil}, edit{to.dir, to.base, replaced, e})
	if node, ok := replaced.(*memInode); ok {
		node.leave()
	}
	return nil
}

// renameable answers as package os does on Linux.
func renameable(from, to place, e, replaced memEntry) error {
	_, isDir := e.(*memDir)
	_, ontoDir := replaced.(*memDir)
	switch {
	case e == nil:
		return fs.ErrNotExist
	case e == replaced:
		return nil
	case ontoDir:
		return fs.ErrExist
	case isDir && replaced != nil:
		return syscall.ENOTDIR
	case isDir && strings.HasPrefix(to.path+"/", strings.TrimSuffix(from.path, "/")+"/"):
		return syscall.EINVAL
	}
	return nil
}

// Stat tells of a file or a folder. A file's time is that of its last write.
func (m *Mem) Stat(name string) (info fs.FileInfo, err error) {
	err = m.look("stat", name, func(at place) error {
		e := at.entry()
		if e == nil {
			return fs.ErrNotExist
		}
		info = e.info(path.Base(at.path))
		return nil
	})
	return info, err
}

// ReadDir lists a folder, sorted by name.
func (m *Mem) ReadDir(dir string) (list []fs.DirEntry, err error) {
	err = m.look("readdir", dir, func(at place) error {
		d, err := at.subdir()
		if err != nil {
			return err
		}
		list = make([]fs.DirEntry, 0, len(d.entries))
		for _, base := range slices.Sorted(maps.Keys(d.entries)) {
			list = append(list, fs.FileInfoToDirEntry(d.entries[base].info(base)))
		}
		return nil
	})
	return list, err
}

// SyncDir makes the changes to a folder's entries durable. The folder itself
// is an entry of its parent.
func (m *Mem) SyncDir(dir string) error {
	return m.change("syncdir", dir, func(at place) error {
		d, err := at.subdir()
		if err == nil {
			d.settle(len(d.unsynced))
		}
		return err
	})
}

func (d *memDir) info(name string) fs.FileInfo {
	return memInfo{name: name, mode: fs.ModeDir | dirPerm, modTime: d.modTime}
}

type memInfo struct {
	name    string
	size    int64
	mode    fs.FileMode
	modTime time.Time
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return i.mode }
func (i memInfo) ModTime() time.Time { return i.modTime }
func (i memInfo) IsDir() bool        { return i.mode.IsDir() }
func (i memInfo) Sys() any           { return nil }
