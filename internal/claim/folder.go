package claim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/vfs"
)

// A Folder is a store on the local disk: a file for each digest, written under another
// name first. It is for one process.
type Folder struct {
	fsys  vfs.FS
	whole string // where files are that are whole, named by their digests
	parts *spool
}

// OpenFolder returns the store in a folder, which is made if there is none. What a
// crash left unfinished is removed.
func OpenFolder(fsys vfs.FS, dir string) (*Folder, error) {
	parts, err := openSpool(fsys, filepath.Join(dir, "new"))
	f := &Folder{fsys, filepath.Join(dir, "sha256"), parts}
	if err = errors.Join(err, fsys.MkdirAll(f.whole)); err != nil {
		return nil, err
	}
	return f, errors.Join(fsys.SyncDir(dir), fsys.SyncDir(filepath.Dir(dir)))
}

func (f *Folder) name(d event.Digest) string { return filepath.Join(f.whole, hexadecimal(d)) }

// Put implements Store.
func (f *Folder) Put(ctx context.Context, d event.Digest, data io.ReaderAt, size int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// What cannot be read is written anew.
	if there, err := holds(ctx, f, d, size); err == nil && there {
		return f.fsys.SyncDir(f.whole) // its name may be younger than the last sync
	}
	part := f.parts.name()
	if err := f.write(part, io.NewSectionReader(data, 0, size)); err != nil {
		return errors.Join(err, f.fsys.RemoveAll(part))
	}
	if err := f.fsys.Rename(part, f.name(d)); err != nil {
		return err
	}
	return f.fsys.SyncDir(f.whole)
}

// write makes a file's content durable.
func (f *Folder) write(name string, data io.Reader) error {
	file, err := f.fsys.Open(name, vfs.Write|vfs.Create)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.NewOffsetWriter(file, 0), data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// Open implements Store.
func (f *Folder) Open(ctx context.Context, d event.Digest) (io.ReadCloser, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	file, err := f.fsys.Open(f.name(d), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("%w: %v", ErrNotFound, d)
	}
	if err != nil {
		return nil, 0, err
	}
	size, err := file.Size()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return &reading{io.NewSectionReader(file, 0, size), file}, size, nil
}

// reading is a file that is being read.
type reading struct {
	*io.SectionReader
	io.Closer
}
