package state

import (
	"io"
	"os"
	"path/filepath"
	"slices"

	pvfs "github.com/cockroachdb/pebble/v2/vfs"

	"github.com/evidentlog/evident/internal/vfs"
)

// pebbleFS is a filesystem as Pebble wants it. It tells the DB of what Pebble would end
// the process for.
type pebbleFS struct {
	fs vfs.FS
	db *DB
}

var _ pvfs.FS = pebbleFS{}

// Create makes a new file, in place of one of that name. After the DB has failed it waits
// until that is closed: Pebble tries the same again at once, for ever.
func (p pebbleFS) Create(name string, _ pvfs.DiskWriteCategory) (pvfs.File, error) {
	vital := isVital(name)
	if err := p.db.health.err(); err != nil && !vital {
		if p.db.opened.Load() {
			<-p.db.gate.closing
		}
		return nil, err
	}
	f, err := p.create(name)
	if vital {
		return newVitalFile(p.db, f, err), nil
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (p pebbleFS) create(name string) (*pebbleFile, error) {
	if _, err := p.fs.Stat(name); err == nil {
		if err := p.fs.Remove(name); err != nil {
			return nil, err
		}
	}
	f, err := p.fs.Open(name, vfs.Create|vfs.Exclusive)
	if err != nil {
		return nil, err
	}
	return &pebbleFile{File: f, fs: p.fs}, nil
}

// Link moves the file. Only ingestion links: it removes the old name afterwards, which
// the filesystem below has no links for.
func (p pebbleFS) Link(oldName, newName string) error { return p.fs.Rename(oldName, newName) }

// Open opens for reading. What is read from end to end is what a compaction reads, or who
// goes through very many keys.
func (p pebbleFS) Open(name string, opts ...pvfs.OpenOption) (pvfs.File, error) {
	f, err := p.fs.Open(name, 0)
	if err != nil {
		return nil, err
	}
	return &pebbleFile{File: f, fs: p.fs, yields: slices.Contains(opts, pvfs.SequentialReadsOption)}, nil
}

func (p pebbleFS) OpenReadWrite(name string, _ pvfs.DiskWriteCategory, _ ...pvfs.OpenOption) (pvfs.File, error) {
	f, err := p.fs.Open(name, vfs.Create)
	if err != nil {
		return nil, err
	}
	return &pebbleFile{File: f, fs: p.fs}, nil
}

func (p pebbleFS) OpenDir(name string) (pvfs.File, error) {
	return &pebbleDir{pebbleFS: p, name: name}, nil
}

func (p pebbleFS) ReuseForWrite(oldName, newName string, c pvfs.DiskWriteCategory) (pvfs.File, error) {
	if err := p.fs.Rename(oldName, newName); err != nil {
		return nil, err
	}
	return p.OpenReadWrite(newName, c)
}

// Remove removes a file, or an empty folder. A run that was moved in by Link is not
// there any more, and that is as it should be. After the DB has failed all is kept: what
// Pebble takes for replaced may be what is found after a restart.
func (p pebbleFS) Remove(name string) error {
	if p.db.health.err() != nil {
		return nil
	}
	err := p.fs.Remove(name)
	if os.IsNotExist(err) && filepath.Ext(name) == runSuffix {
		return nil
	}
	return err
}

func (p pebbleFS) RemoveAll(name string) error              { return p.fs.RemoveAll(name) }
func (p pebbleFS) Rename(oldName, newName string) error     { return p.fs.Rename(oldName, newName) }
func (p pebbleFS) MkdirAll(dir string, _ os.FileMode) error { return p.fs.MkdirAll(dir) }
func (p pebbleFS) Lock(name string) (io.Closer, error)      { return p.fs.Lock(name) }
func (p pebbleFS) PathBase(path string) string              { return filepath.Base(path) }
func (p pebbleFS) PathJoin(elem ...string) string           { return filepath.Join(elem...) }
func (p pebbleFS) PathDir(path string) string               { return filepath.Dir(path) }
func (p pebbleFS) Unwrap() pvfs.FS                          { return nil }

func (p pebbleFS) List(dir string) ([]string, error) {
	entries, err := p.fs.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (p pebbleFS) Stat(name string) (pvfs.FileInfo, error) {
	info, err := p.fs.Stat(name)
	if err != nil {
		return nil, err
	}
	return fileInfo{info}, nil
}

func (p pebbleFS) GetDiskUsage(path string) (pvfs.DiskUsage, error) {
	s, err := p.fs.Space(path)
	return pvfs.DiskUsage{AvailBytes: s.Free, TotalBytes: s.Total, UsedBytes: s.Total - s.Free}, err
}

// fileInfo adds what Pebble wants to know of devices: nothing.
type fileInfo struct{ os.FileInfo }

func (fileInfo) DeviceID() pvfs.DeviceID { return pvfs.DeviceID{} }
