// Package vfs is the filesystem that everything durable in Evident goes
// through, so that a test can fail or crash any single operation.
//
// It has two implementations: [OS], the machine's disk, and [Mem], a
// filesystem in memory that knows which bytes and which directory entries a
// power cut would keep. [Faulty] wraps either and fails chosen operations.
// Package vfstest has the conformance suite that all three pass.
//
// It is not a general filesystem: there are no links, no permissions beyond
// creation, no working directory. Paths are slash-separated or native, as the
// implementation's root understands them.
//
// # What a power cut keeps
//
// Bytes written to a file are kept after [File.Sync] on it returned nil, and
// may or may not be kept before; a block that was being rewritten keeps either
// its old or its new bytes. Blocks are kept or not in any order, so a file that
// grew may have zeros before bytes that were written later. A file that was
// created, renamed or removed is so after a power cut only once [FS.SyncDir] on
// its folder returned nil, and may or may not be before; a folder is an entry
// of its parent. A rename is kept for both names or for neither. After Sync has
// failed, nothing is known of the bytes written since the last Sync that
// succeeded, not even if they read back well.
package vfs

import (
	"errors"
	"io"
	"io/fs"
)

// BlockSize is the unit, in bytes, to which offset, length and memory address
// of every read and write on a direct handle ([Direct]) must be aligned.
// 4096 suits every disk in use: logical blocks are 512 or 4096 bytes.
const BlockSize = 4096

// ErrLocked says that another process (or another user in this process) holds
// the lock asked for.
var ErrLocked = errors.New("locked by another process")

// FS is a filesystem. All methods may be called concurrently. Errors are
// *fs.PathError and wrap fs.ErrNotExist, fs.ErrExist, syscall.ENOSPC and the
// like, for errors.Is.
type FS interface {
	// Open opens the named file as mode says.
	Open(name string, mode Mode) (File, error)
	// MkdirAll creates the folder and its parents; it is no error if it exists.
	MkdirAll(dir string) error
	// Remove removes a file or an empty folder.
	Remove(name string) error
	// RemoveAll removes a file, or a folder and all below it, one by one; it
	// is no error if there is none.
	RemoveAll(name string) error
	// Rename replaces newName by oldName in one step. A folder cannot be
	// replaced.
	Rename(oldName, newName string) error
	// Stat tells of a file or a folder.
	Stat(name string) (fs.FileInfo, error)
	// ReadDir lists a folder, sorted by name.
	ReadDir(dir string) ([]fs.DirEntry, error)
	// SyncDir makes creations, renames and removals in dir survive a power cut.
	SyncDir(dir string) error
	// Lock takes the lock that name stands for, creating the file, or returns
	// an error that wraps ErrLocked at once. Closing releases it, and so does
	// the end of the process.
	Lock(name string) (io.Closer, error)
	// Space tells how much room the disk that holds dir has.
	Space(dir string) (Space, error)
}

// Space is the room on a disk, in bytes.
type Space struct {
	Free  uint64 // that can still be written
	Total uint64
}

// Mode says how [FS.Open] opens a file. Files are opened for reading, and with
// Write for writing too.
type Mode int

const (
	// Write opens for writing as well as reading.
	Write Mode = 1 << iota
	// Create creates the file if there is none; it implies Write.
	Create
	// Exclusive fails with fs.ErrExist if the file exists; it goes with Create.
	Exclusive
	// Direct asks that reads and writes bypass the operating system's cache.
	// Offset, length and address of the buffer are then multiples of
	// BlockSize (see [AlignedBuffer]). A filesystem that cannot do so opens
	// the file as usual.
	Direct
	// Private makes a file that is created readable by its owner only: for keys.
	Private
)

// File is an open file. ReadAt, WriteAt, Sync and Size may be called
// concurrently.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes all bytes written so far, and the file's size, survive a
	// power cut (fdatasync). An error leaves the fate of those bytes unknown:
	// see the package comment.
	Sync() error
	// Truncate sets the file's size; new bytes are zero.
	Truncate(size int64) error
	// Size is the file's size in bytes.
	Size() (int64, error)
	// Name is the name that the file was opened with.
	Name() string
}
