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
	return vfs.ReplaceSmall(fsys, name, []byte(text+checksum(text)), 0)
}

func checksum(text string) string {
	return fmt.Sprintf("%s%08x\n", checksumLabel, crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
}

// Load returns the lines of a file, without header and checksum. The error wraps
// fs.ErrNotExist if there is none.
func Load(fsys vfs.FS, name, header string) ([]string, error) {
	b, err := vfs.ReadSmall(fsys, name, maxSize)
	if long := (*vfs.SizeError)(nil); errors.As(err, &long) {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err != nil {
		return nil, err
	}
	lines, err := parse(string(b), header)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, name, err)
	}
	return lines, nil
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
