package claim

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/vfs"
)

// A Folder is a store on the local disk: a file for each digest, written under another
// name first. It is for one process.
type Folder struct {
	fsys  vfs.FS
	whole string // where files are that are whole, named by their digests
	parts string // where files are that are being written
	next  atomic.Uint64
}

// OpenFolder returns the store in a folder, which is made if there is none. What a
// crash left unfinished is removed.
func OpenFolder(fsys vfs.FS, dir string) (*Folder, error) {
	f := &Folder{fsys: fsys, whole: filepath.Join(dir, "sha256"), parts: filepath.Join(dir, "new")}
	if err := fsys.RemoveAll(f.parts); err != nil {
		return nil, err
	}
	err := errors.Join(fsys.MkdirAll(f.whole), fsys.MkdirAll(f.parts))
	if err != nil {
		return nil, err
	}
	return f, errors.Join(fsys.SyncDir(dir), fsys.SyncDir(filepath.Dir(dir)))
}

func hexadecimal(d event.Digest) string { return hex.EncodeToString(d[:]) }

func (f *Folder) name(d event.Digest) string { return filepath.Join(f.whole, hexadecimal(d)) }

// Put implements Store.
func (f *Folder) Put(ctx context.Context, d event.Digest, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// The event loses its data to what is there: that it has the name is not enough.
	if there, err := f.Get(ctx, d, int64(len(data))); err == nil && bytes.Equal(there, data) {
		return f.fsys.SyncDir(f.whole) // its name may be younger than the last sync
	}
	part := filepath.Join(f.parts, strconv.FormatUint(f.next.Add(1), 10))
	if err := f.write(part, data); err != nil {
		return errors.Join(err, f.fsys.RemoveAll(part))
	}
	if err := f.fsys.Rename(part, f.name(d)); err != nil {
		return err
	}
	return f.fsys.SyncDir(f.whole)
}

// write makes a file's content durable.
func (f *Folder) write(name string, data []byte) error {
	file, err := f.fsys.Open(name, vfs.Write|vfs.Create)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(data, 0)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// Get implements Store.
func (f *Folder) Get(ctx context.Context, d event.Digest, size int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	file, err := f.fsys.Open(f.name(d), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %v", ErrNotFound, d)
	}
	if err != nil {
		return nil, err
	}
	data, err := read(file, size)
	return data, errors.Join(err, file.Close())
}

// read reads a file that must have a size: what an event claims is not believed
// before memory is taken for it.
func read(file vfs.File, size int64) ([]byte, error) {
	actual, err := file.Size()
	if err != nil {
		return nil, err
	}
	if actual != size {
		return nil, fmt.Errorf("%w: %s has %d bytes, not %d", event.ErrClaim, file.Name(), actual, size)
	}
	data := make([]byte, size)
	if _, err := file.ReadAt(data, 0); err != nil && !(errors.Is(err, io.EOF)) {
		return nil, err
	}
	return data, nil
}
