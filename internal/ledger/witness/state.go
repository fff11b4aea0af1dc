package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/evidentlog/evident/internal/ledger/witness/protocol"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// ErrCorrupt says that what the witness remembers of a log was damaged.
var ErrCorrupt = errors.New("what the witness remembers is damaged")

const stateHeader = "evident witness state 1"

// state is what a witness remembers of a log.
type state struct {
	size int64
	root proof.Hash
	note []byte // the checkpoint with our cosignatures; nil before the first
}

// originHash names a log in paths (tlog-witness, monitoring prefix).
func originHash(origin string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(origin))) }

// encode writes the state as text: size and root hash, the note, and a checksum.
func (s *state) encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%d\n%s\n", stateHeader, s.size, base64.StdEncoding.EncodeToString(s.root[:]))
	b.Write(s.note)
	return fmt.Appendf(b.Bytes(), "crc32c %08x\n", crc32.Checksum(b.Bytes(), crc32.MakeTable(crc32.Castagnoli)))
}

func decodeState(b []byte) (*state, error) {
	first, rest, _ := strings.Cut(string(b), "\n")
	if first != stateHeader {
		return nil, fmt.Errorf("it begins with %.60q, and this program knows %q only: was it written by a newer version?", first, stateHeader)
	}
	size, rest, _ := strings.Cut(rest, "\n")
	root, rest, _ := strings.Cut(rest, "\n")
	end := strings.LastIndex(rest, "crc32c ")
	hash, err := base64.StdEncoding.DecodeString(root)
	if err != nil || len(hash) != len(proof.Hash{}) || end < 0 {
		return nil, errors.New("root hash or checksum are missing")
	}
	s := &state{root: proof.Hash(hash), note: []byte(rest[:end])}
	if s.size, err = protocol.ParseSize(size); err != nil {
		return nil, err
	}
	if !bytes.Equal(s.encode(), b) {
		return nil, errors.New("its checksum is wrong")
	}
	return s, nil
}

// load reads the state of a log; that of one that was never cosigned is empty.
func load(fsys vfs.FS, dir, origin string) (*state, error) {
	name := dir + "/" + originHash(origin)
	f, err := fsys.Open(name, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return &state{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(size, 2*protocol.MaxBody))
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	s, err := decodeState(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s, of the log %s: %w; restore the newest copy, and never an older one: the witness could cosign a fork", ErrCorrupt, name, origin, err)
	}
	return s, nil
}

// save makes the state of a log durable, in one step.
func (s *state) save(fsys vfs.FS, dir, origin string) error {
	name := dir + "/" + originHash(origin)
	f, err := fsys.Open(name+".next", vfs.Write|vfs.Create)
	if err != nil {
		return err
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(s.encode(), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(name+".next", name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Clean(dir))
}
