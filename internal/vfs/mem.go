package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrCrashed is what a machine without power answers: every operation on a
// [Mem] after [Mem.Crash], and on a [Faulty] after its crash point.
var ErrCrashed = errors.New("power cut")

// memCapacity is what a new Mem holds, in bytes, before it is full.
const memCapacity = 1 << 40

// Mem is a filesystem in memory that tells, as a disk and its kernel do, what
// was written from what will survive a power cut: see the package comment and
// [Mem.Crash]. Names are absolute; one that is not starts at the root, which
// always exists.
//
// It is strict where a disk may be: a direct handle refuses transfers that are
// not aligned.
type Mem struct {
	// mu guards the tree: the entries of all folders, what is not yet synced
	// of them, and the users of every file. It is taken before any
	// memInode.mu, and never with one held.
	mu sync.RWMutex
	// top has one entry, of the empty name: the root folder. So the root is an
	// entry like any other.
	top *memDir
	// lastOp numbers the changes to folders in order.
	lastOp uint64

	// dead is set, under mu, by Crash. Whoever holds a lock reads it after
	// having taken the lock, so Crash sees all that was done before.
	dead atomic.Bool

	// used and limit are bytes, used in whole blocks.
	used, limit atomic.Int64
}

var _ FS = (*Mem)(nil)

// NewMem returns an empty filesystem of 1 TiB.
func NewMem() *Mem {
	m := &Mem{top: newMemDir()}
	m.top.entries[""] = newMemDir()
	m.limit.Store(memCapacity)
	return m
}

// SetLimit sets the capacity in bytes. A write that needs a block beyond it
// stops there, and returns the bytes written so far with syscall.ENOSPC.
// Blocks that nobody wrote take no space, nor do names.
func (m *Mem) SetLimit(bytes int64) { m.limit.Store(bytes) }

// Space returns the capacity and what is left of it, in whole blocks.
func (m *Mem) Space(dir string) (Space, error) {
	err := m.look("statfs", dir, func(at place) error {
		_, err := at.subdir()
		return err
	})
	if err != nil {
		return Space{}, err
	}
	limit := m.limit.Load()
	whole := func(n int64) uint64 { return uint64(max(0, n) &^ (BlockSize - 1)) }
	return Space{Free: whole(limit - m.used.Load()), Total: whole(limit)}, nil
}

// reserve takes one block of the capacity, if there is one left.
func (m *Mem) reserve() bool {
	if m.used.Add(BlockSize) > m.limit.Load() {
		m.used.Add(-BlockSize)
		return false
	}
	return true
}

func (m *Mem) release(blocks int) { m.used.Add(-int64(blocks) * BlockSize) }

// Open opens a file; mode's Direct makes the handle strict about alignment.
func (m *Mem) Open(name string, mode Mode) (File, error) {
	if mode&Create != 0 {
		mode |= Write
	}
	var f *memFile
	err := m.change("open", name, func(at place) error {
		node, err := m.openNode(at, mode)
		if err == nil {
			node.users++
			f = &memFile{memInode: node, name: name, mode: mode}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// openNode finds or creates the file at a place.
func (m *Mem) openNode(at place, mode Mode) (*memInode, error) {
	switch e := at.entry().(type) {
	case *memDir:
		return nil, syscall.EISDIR
	case *memInode:
		if mode&(Create|Exclusive) == Create|Exclusive {
			return nil, fs.ErrExist
		}
		return e, nil
	}
	if mode&Create == 0 {
		return nil, fs.ErrNotExist
	}
	node := &memInode{fs: m, users: 1, modTime: time.Now()}
	m.apply(OpCreate, at.path, edit{at.dir, at.base, nil, node})
	return node, nil
}

// Lock holds a lock on the file of that name itself, so it outlives a renaming
// of the folder. A power cut ends it.
func (m *Mem) Lock(name string) (io.Closer, error) {
	var held *memLock
	err := m.change("lock", name, func(at place) error {
		node, err := m.openNode(at, Create|Write)
		switch {
		case err != nil:
			return err
		case node.locked:
			return ErrLocked
		}
		node.locked = true
		held = &memLock{node: node}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return held, nil
}

type memLock struct {
	node *memInode
	once sync.Once
}

func (l *memLock) Close() error {
	l.once.Do(func() {
		l.node.fs.mu.Lock()
		defer l.node.fs.mu.Unlock()
		l.node.locked = false
	})
	return nil
}

// place is a name in a folder. Nothing need be there.
type place struct {
	dir  *memDir
	base string
	path string // cleaned, absolute
}

// entry is what is at the place: a *memDir, a *memInode, or nil.
func (p place) entry() memEntry { return p.dir.entries[p.base] }

// subdir is the folder at the place.
func (p place) subdir() (*memDir, error) {
	switch e := p.entry().(type) {
	case *memDir:
		return e, nil
	case nil:
		return nil, fs.ErrNotExist
	default:
		return nil, syscall.ENOTDIR
	}
}

func cleanName(name string) string { return path.Clean("/" + filepath.ToSlash(name)) }

// find walks to name. The caller holds mu.
func (m *Mem) find(name string) (place, error) {
	clean := cleanName(name)
	at := place{dir: m.top, path: clean}
	for rest := clean[1:]; rest != ""; {
		dir, err := at.subdir()
		if err != nil {
			return at, err
		}
		at.dir = dir
		at.base, rest, _ = strings.Cut(rest, "/")
	}
	return at, nil
}

// change runs do on the place that name stands for, alone with the tree.
func (m *Mem) change(op, name string, do func(place) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at(op, name, do)
}

// look is change for those who only read the tree.
func (m *Mem) look(op, name string, do func(place) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.at(op, name, do)
}

func (m *Mem) at(op, name string, do func(place) error) error {
	if m.dead.Load() {
		return pathError(op, name, ErrCrashed)
	}
	at, err := m.find(name)
	if err == nil {
		err = do(at)
	}
	return pathError(op, name, err)
}
