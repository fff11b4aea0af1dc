package vfs

import (
	"io"
	"io/fs"
	"sync/atomic"
)

// Faulty is a filesystem that fails the operations that a hook picks. Closing
// never fails.
type Faulty struct {
	inner     FS
	hook      func(Op) error
	mutations atomic.Int64
}

var _ FS = (*Faulty)(nil)

// NewFaulty wraps inner. The hook is called before each operation, by many
// goroutines at once if the filesystem is used by many. If it returns nil, the
// operation is passed on. Otherwise it fails with that error, as an
// *fs.PathError, and is not done, or done in part: see [AfterEffect] and
// [ShortWrite]. A hook may also block, to hold an operation back.
func NewFaulty(inner FS, hook func(Op) error) *Faulty {
	return &Faulty{inner: inner, hook: hook}
}

// Mutations is the number of mutating operations that were begun.
func (f *Faulty) Mutations() int { return int(f.mutations.Load()) }

// ask returns the hook's error for op.
func (f *Faulty) ask(op Op) error {
	if op.Kind.Mutates() {
		op.N = int(f.mutations.Add(1))
	} else {
		op.N = int(f.mutations.Load())
	}
	return f.hook(op)
}

// do does op by calling perform, unless the hook fails it. If both the hook and
// perform fail, perform is right: the operation had no effect to report.
func (f *Faulty) do(op Op, perform func() error) error {
	err := f.ask(op)
	if err == nil {
		return perform()
	}
	fault := faultOf(err)
	if fault.done {
		if err := perform(); err != nil {
			return err
		}
	}
	return pathError(op.Kind.String(), op.Name, fault.err)
}

// Open fails as OpCreate if mode has Create, as OpOpen otherwise.
func (f *Faulty) Open(name string, mode Mode) (File, error) {
	op := Op{Kind: OpOpen, Name: name}
	if mode&Create != 0 {
		op.Kind = OpCreate
	}
	var file File
	err := f.do(op, func() (err error) {
		file, err = f.inner.Open(name, mode)
		return err
	})
	if err != nil {
		return nil, closeUnused(file, err)
	}
	return &faultyFile{File: file, fs: f}, nil
}

// closeUnused closes what was opened, if anything was, though err is reported.
func closeUnused(c io.Closer, err error) error {
	if c != nil {
		c.Close() // a Faulty fails no Close, and err matters more
	}
	return err
}

// MkdirAll fails as OpMkdir.
func (f *Faulty) MkdirAll(dir string) error {
	return f.do(Op{Kind: OpMkdir, Name: dir}, func() error { return f.inner.MkdirAll(dir) })
}

// Remove fails as OpRemove.
func (f *Faulty) Remove(name string) error {
	return f.do(Op{Kind: OpRemove, Name: name}, func() error { return f.inner.Remove(name) })
}

// RemoveAll fails as OpRemove, as a whole.
func (f *Faulty) RemoveAll(name string) error {
	return f.do(Op{Kind: OpRemove, Name: name}, func() error { return f.inner.RemoveAll(name) })
}

// Rename fails as OpRename.
func (f *Faulty) Rename(oldName, newName string) error {
	op := Op{Kind: OpRename, Name: oldName, NewName: newName}
	return f.do(op, func() error { return f.inner.Rename(oldName, newName) })
}

// Stat fails as OpStat.
func (f *Faulty) Stat(name string) (info fs.FileInfo, err error) {
	err = f.do(Op{Kind: OpStat, Name: name}, func() (err error) {
		info, err = f.inner.Stat(name)
		return err
	})
	return info, err
}

// ReadDir fails as OpReadDir.
func (f *Faulty) ReadDir(dir string) (list []fs.DirEntry, err error) {
	err = f.do(Op{Kind: OpReadDir, Name: dir}, func() (err error) {
		list, err = f.inner.ReadDir(dir)
		return err
	})
	return list, err
}

// SyncDir fails as OpSyncDir.
func (f *Faulty) SyncDir(dir string) error {
	return f.do(Op{Kind: OpSyncDir, Name: dir}, func() error { return f.inner.SyncDir(dir) })
}

// Lock fails as OpLock.
func (f *Faulty) Lock(name string) (io.Closer, error) {
	var held io.Closer
	err := f.do(Op{Kind: OpLock, Name: name}, func() (err error) {
		held, err = f.inner.Lock(name)
		return err
	})
	if err != nil {
		return nil, closeUnused(held, err)
	}
	return held, nil
}

// Space fails as OpSpace.
func (f *Faulty) Space(dir string) (s Space, err error) {
	err = f.do(Op{Kind: OpSpace, Name: dir}, func() (err error) {
		s, err = f.inner.Space(dir)
		return err
	})
	return s, err
}
