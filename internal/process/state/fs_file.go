package state

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	pvfs "github.com/cockroachdb/pebble/v2/vfs"

	"github.com/evidentlog/evident/internal/vfs"
)

// pebbleFile is an open file as Pebble wants it: it has a place where it is read, and one
// where it is written. Pebble does one or the other, in one goroutine at a time.
type pebbleFile struct {
	vfs.File
	fs            vfs.FS
	readAt, wrote int64
	yields        bool // others may run after each read
}

// ReadAt reads, and lets others run where all of the file is read: a compaction in which
// deletions meet what they delete reads megabytes before it has anything to write.
func (f *pebbleFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if f.yields {
		runtime.Gosched()
	}
	return n, err
}

func (f *pebbleFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.readAt)
	f.readAt += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// Write writes, and lets others run, after every 4 KiB or so: flushes and compactions use
// nothing but the CPU, for seconds, and all else of the node, which waits for others all
// the time, would wait up to 10 ms each time for the one of two CPUs that they are on.
func (f *pebbleFile) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.wrote)
	f.wrote += int64(n)
	runtime.Gosched()
	return n, err
}

func (f *pebbleFile) Stat() (pvfs.FileInfo, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	return fileInfo{sizeInfo{name: filepath.Base(f.Name()), size: size}}, nil
}

func (f *pebbleFile) SyncData() error { return f.Sync() }

// SyncTo may only ask for the bytes to be written soon, and asks for nothing.
func (f *pebbleFile) SyncTo(int64) (fullSync bool, err error) { return false, nil }
func (f *pebbleFile) Preallocate(_, _ int64) error            { return nil }
func (f *pebbleFile) Prefetch(_, _ int64) error               { return nil }
func (f *pebbleFile) Fd() uintptr                             { return pvfs.InvalidFd }

// sizeInfo is what is known of a file that is open.
type sizeInfo struct {
	name string
	size int64
}

func (i sizeInfo) Name() string       { return i.name }
func (i sizeInfo) Size() int64        { return i.size }
func (i sizeInfo) Mode() os.FileMode  { return 0o640 }
func (i sizeInfo) ModTime() time.Time { return time.Time{} }
func (i sizeInfo) IsDir() bool        { return false }
func (i sizeInfo) Sys() any           { return nil }

// pebbleDir is a folder that can be synced, and nothing else.
type pebbleDir struct {
	pebbleFS
	name string
}

// Sync gives no error: Pebble panics if it does after moving to another manifest. The DB
// has failed then, which is looked at before anything counts.
func (d *pebbleDir) Sync() error {
	if err := d.fs.SyncDir(d.name); err != nil {
		_ = d.db.failed(err) // it is kept
	}
	return nil
}

func (d *pebbleDir) SyncData() error                         { return d.Sync() }
func (d *pebbleDir) SyncTo(int64) (fullSync bool, err error) { return false, nil }
func (d *pebbleDir) Close() error                            { return nil }
func (d *pebbleDir) Read([]byte) (int, error)                { return 0, syscall.EISDIR }
func (d *pebbleDir) ReadAt([]byte, int64) (int, error)       { return 0, syscall.EISDIR }
func (d *pebbleDir) Write([]byte) (int, error)               { return 0, syscall.EISDIR }
func (d *pebbleDir) WriteAt([]byte, int64) (int, error)      { return 0, syscall.EISDIR }
func (d *pebbleDir) Preallocate(_, _ int64) error            { return nil }
func (d *pebbleDir) Prefetch(_, _ int64) error               { return nil }
func (d *pebbleDir) Fd() uintptr                             { return pvfs.InvalidFd }
func (d *pebbleDir) Stat() (pvfs.FileInfo, error)            { return d.pebbleFS.Stat(d.name) }
