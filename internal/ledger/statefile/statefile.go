// Package statefile keeps what a command must not forget: a small text file
// that is replaced in one step and carries its version and a checksum.
//
//	evident monitor state 1     the header: what it is, and its version
//	…                           lines
//	crc32c 0badcafe             CRC32C of all above, in hexadecimal
package statefile

import (
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"

	"github.com/evidentlog/evident/internal/vfs"
)

// ErrCorrupt says that a file is not as it was written, or of another version.
var ErrCorrupt = errors.New("the state file cannot be used")

// maxSize bounds what is read, in bytes: some hundred for each tree of a node.
const maxSize = 1 << 30

const checksumLabel = "crc32c "

// Save replaces the file by header and lines, which have no newlines. It is durable, or an error is returned and either the
// old content is there or the new one.
func Save(fsys vfs.FS, name, header string, lines []string) error {
	text := strings.Join(append([]string{header}, lines...), "\n") + "\n"
	return Replace(fsys, name, []byte(text+checksum(text)))
}

func checksum(text string) string {
	return fmt.Sprintf("%s%08x\n", checksumLabel, crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
}

// Replace writes a file in one step, durably.
func Replace(fsys vfs.FS, name string, content []byte) error {
	next := name + ".next"
	if err := Write(fsys, next, content); err != nil {
		return err
	}
	if err := fsys.Rename(next, name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// Write makes the file's content durable; its name is not.
func Write(fsys vfs.FS, name string, content []byte) error {
	f, err := fsys.Open(name, vfs.Write|vfs.Create)
	if err != nil {
		return err
	}
	_, err1 := f.WriteAt(content, 0)
	err2 := f.Truncate(int64(len(content)))
	err3 := f.Sync()
	return errors.Join(err1, err2, err3, f.Close())
}

// Load returns the lines of a file, without header and checksum. The error wraps
// fs.ErrNotExist if there is none.
func Load(fsys vfs.FS, name, header string) ([]string, error) {
	b, err := Read(fsys, name, maxSize)
	if err != nil {
		return nil, err
	}
	lines, err := parse(string(b), header)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, name, err)
	}
	return lines, nil
}

// Read returns a file of at most most bytes.
func Read(fsys vfs.FS, name string, most int64) ([]byte, error) {
	f, err := fsys.Open(name, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, fmt.Errorf("%w: %s has %d bytes, and at most %d are expected", ErrCorrupt, name, size, most)
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}

func parse(text, header string) ([]string, error) {
	if first, _, _ := strings.Cut(text, "\n"); first != header {
		return nil, fmt.Errorf("it begins with %.80q, and this program knows %q only: is it from a newer version?", first, header)
	}
	i := strings.LastIndex(text, "\n"+checksumLabel) + 1
	if i == 0 || text[i:] != checksum(text[:i]) {
		return nil, errors.New("its checksum is wrong: it was damaged or altered")
	}
	return strings.Split(text[:i-1], "\n")[1:], nil
}
