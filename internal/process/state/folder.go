package state

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/evidentlog/evident/internal/vfs"
)

const (
	// formatFile says what the folder is. While it is not there, whatever else is there is
	// to be discarded: it is made last, and removed first.
	formatFile = "FORMAT"
	lockFile   = "LOCK"
	// formatVersion is that of the folder.
	formatVersion = 1
	// runSuffix is of sorted runs that a restore writes.
	runSuffix = ".run"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// formatLine is all that is in the format file.
func formatLine(version int) string {
	line := fmt.Sprintf("evident processor state %d", version)
	return fmt.Sprintf("%s %08x\n", line, crc32.Checksum([]byte(line), castagnoli))
}

// parseFormat is the version that a format file tells.
func parseFormat(content string) (version int, err error) {
	line, _, _ := strings.Cut(content, "\n")
	if _, err := fmt.Sscanf(line, "evident processor state %d", &version); err != nil || version < 1 || formatLine(version) != line+"\n" {
		return 0, fmt.Errorf("%w: %s says %q", ErrCorrupt, formatFile, head([]byte(content)))
	}
	return version, nil
}

// A folder is where a DB is on disk. Its lock is held.
type folder struct {
	fs  vfs.FS
	dir string
}

func (f folder) path(name string) string { return filepath.Join(f.dir, name) }

// check says whether there is state in the folder that can be opened. An error that is
// ErrCorrupt says that there is something that has to be discarded.
func (f folder) check() (exists bool, err error) {
	content, err := f.read(formatFile)
	if errors.Is(err, fs.ErrNotExist) {
		names, err := f.contents()
		if err == nil && len(names) > 0 {
			err = fmt.Errorf("%w: %s is missing beside %s", ErrCorrupt, formatFile, names[0])
		}
		return false, err
	}
	if err != nil {
		return false, err
	}
	version, err := parseFormat(content)
	if err == nil && version > formatVersion {
		err = fmt.Errorf("%w: %s has version %d, and this program knows up to %d: run the one that wrote it, or remove the folder, and its state is made again from the changelog", ErrVersion, f.dir, version, formatVersion)
	}
	return err == nil, err
}

func (f folder) read(name string) (string, error) {
	file, err := f.fs.Open(f.path(name), 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	b := make([]byte, 128)
	n, err := file.ReadAt(b, 0)
	if n == 0 && err != nil && !isEOF(err) {
		return "", err
	}
	return string(b[:n]), nil
}

// contents are the names in the folder, without the lock.
func (f folder) contents() ([]string, error) {
	entries, err := f.fs.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Name() != lockFile {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// condemn has the next Open discard what is in the folder.
func (f folder) condemn() error {
	err := f.fs.Remove(f.path(formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.fs.SyncDir(f.dir)
}

// discard removes all that is in the folder.
func (f folder) discard() error {
	if err := f.condemn(); err != nil {
		return err
	}
	names, err := f.contents()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := f.fs.RemoveAll(f.path(name)); err != nil {
			return err
		}
	}
	return f.fs.SyncDir(f.dir)
}

// finish says that the folder holds state.
func (f folder) finish() error {
	file, err := f.fs.Open(f.path(formatFile), vfs.Create)
	if err != nil {
		return err
	}
	_, err = file.WriteAt([]byte(formatLine(formatVersion)), 0)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return f.fs.SyncDir(f.dir)
}

// removeLeftovers removes what a restore has left that did not come to its end, and logs
// of Pebble's: they are empty, and made all the same.
func (f folder) removeLeftovers() error {
	names, err := f.contents()
	if err != nil {
		return err
	}
	for _, name := range names {
		if ext := filepath.Ext(name); ext == runSuffix || ext == ".log" {
			if err := f.fs.Remove(f.path(name)); err != nil {
				return err
			}
		}
	}
	return nil
}
