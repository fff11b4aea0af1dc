package vfs

import (
	"io/fs"
	"sync/atomic"
	"syscall"
)

// memFile is an open file on a [Mem].
type memFile struct {
	*memInode
	name   string
	mode   Mode
	closed atomic.Bool
}

var _ File = (*memFile)(nil)

// usable tells why the handle cannot be used. The caller holds memInode.mu.
func (f *memFile) usable() error {
	switch {
	case f.fs.dead.Load():
		return ErrCrashed
	case f.closed.Load():
		return fs.ErrClosed
	}
	return nil
}

// transferable tells why p cannot be read or written at off.
func (f *memFile) transferable(p []byte, off int64) error {
	if err := f.usable(); err != nil {
		return err
	}
	if off < 0 || f.mode&Direct != 0 && !aligned(p, off) {
		return syscall.EINVAL
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if err := f.transferable(p, off); err != nil {
		return 0, pathError("read", f.name, err)
	}
	return f.readAt(p, off)
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.transferable(p, off); err != nil {
		return 0, pathError("write", f.name, err)
	}
	if f.mode&Write == 0 {
		return 0, pathError("write", f.name, syscall.EBADF)
	}
	n, err := f.writeAt(p, off)
	return n, pathError("write", f.name, err)
}

func (f *memFile) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return pathError("sync", f.name, err)
	}
	f.settle()
	return nil
}

func (f *memFile) Truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return pathError("truncate", f.name, err)
	}
	if size < 0 || f.mode&Write == 0 {
		return pathError("truncate", f.name, syscall.EINVAL)
	}
	f.truncate(size)
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if err := f.usable(); err != nil {
		return 0, pathError("stat", f.name, err)
	}
	return f.size, nil
}

func (f *memFile) Name() string { return f.name }

// Close closes the handle. After a power cut it does nothing, and that well.
func (f *memFile) Close() error {
	if f.closed.Swap(true) {
		return pathError("close", f.name, fs.ErrClosed)
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.leave()
	return nil
}
