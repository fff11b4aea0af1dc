package store

import (
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// A Head is the newest head of a tree that the root log has.
type Head struct {
	proof.Checkpoint
	RootIndex int64 // of the entry in the root log
	Closed    bool  // the tree never grows again
}

// state is what the files hold that are synced: the root log up to a size, the
// trees with their heads there, and the first journal file that says more.
type state struct {
	found    bool       // there was a file
	journal  uint64     // id of the first file to replay
	round    uint64     // number of the last round that needs no replay
	root     int64      // size of the root log
	rootHash proof.Hash // its root
	trees    map[TreeID]*Head
	erased   []erasedLine
	gone     []goneLine
}

const (
	stateHeader = "evident ledger state 2"
	// stateHeader1 was before there were lines of what is gone.
	stateHeader1 = "evident ledger state 1"
	stateFile    = "state"
)

// encode writes the state as lines of text, with a checksum at the end.
func (s *state) encode() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\njournal %d\nround %d\nroot %d %s\n", stateHeader, s.journal, s.round, s.root, encodeHash(s.rootHash))
	for id, h := range s.trees {
		how := "open"
		if h.Closed {
			how = "closed"
		}
		fmt.Fprintf(&b, "tree %d %s %d %s %d %s\n", id, how, h.Size, encodeHash(h.Root), h.RootIndex, h.Origin)
	}
	for _, e := range s.erased {
		fmt.Fprintf(&b, "erased %d %s\n", e.index, e.progress())
	}
	for _, g := range s.gone {
		b.WriteString(g.String())
	}
	fmt.Fprintf(&b, "crc32c %08x\n", crc32.Checksum([]byte(b.String()), castagnoli))
	return []byte(b.String())
}

func decodeState(b []byte) (*state, error) {
	text := string(b)
	i := strings.LastIndex(text, "crc32c ")
	if i < 0 || text[i:] != fmt.Sprintf("crc32c %08x\n", crc32.Checksum(b[:i], castagnoli)) {
		return nil, errors.New("its checksum is wrong")
	}
	lines := strings.Split(strings.TrimSuffix(text[:i], "\n"), "\n")
	if lines[0] != stateHeader && lines[0] != stateHeader1 {
		return nil, fmt.Errorf("it begins with %q, and this program knows %q and %q only", lines[0], stateHeader, stateHeader1)
	}
	s := &state{trees: map[TreeID]*Head{}}
	for _, line := range lines[1:] {
		if err := s.decodeLine(strings.Fields(line)); err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
	}
	return s, nil
}

func (s *state) decodeLine(words []string) (err error) {
	switch {
	case len(words) == 2 && words[0] == "journal":
		s.journal, err = strconv.ParseUint(words[1], 10, 64)
	case len(words) == 2 && words[0] == "round":
		s.round, err = strconv.ParseUint(words[1], 10, 64)
	case len(words) == 3 && words[0] == "root":
		var notHash error
		s.root, err = strconv.ParseInt(words[1], 10, 64)
		s.rootHash, notHash = decodeHash(words[2])
		err = errors.Join(err, notHash)
	case len(words) == 7 && words[0] == "tree":
		err = s.decodeTree(words[1:])
	case len(words) == 3 && words[0] == "erased":
		err = s.decodeErased(words[1], words[2])
	case len(words) == 5 && words[0] == "gone":
		err = s.decodeGone(words[1:])
	default:
		err = errors.New("not understood")
	}
	return err
}

func (s *state) decodeTree(words []string) error {
	id, err1 := strconv.ParseUint(words[0], 10, 64)
	size, err2 := strconv.ParseInt(words[2], 10, 64)
	root, err3 := decodeHash(words[3])
	index, err4 := strconv.ParseInt(words[4], 10, 64)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	s.trees[TreeID(id)] = &Head{
		Checkpoint: proof.Checkpoint{Origin: words[5], Size: size, Root: root},
		RootIndex:  index,
		Closed:     words[1] == "closed",
	}
	return nil
}

func encodeHash(h proof.Hash) string { return base64.StdEncoding.EncodeToString(h[:]) }

func decodeHash(word string) (proof.Hash, error) {
	b, err := base64.StdEncoding.DecodeString(word)
	if err == nil && len(b) != len(proof.Hash{}) {
		err = fmt.Errorf("a hash of %d bytes", len(b))
	}
	if err != nil {
		return proof.Hash{}, err
	}
	return proof.Hash(b), nil
}

// readState reads the state file; a store without one is empty.
func (s *Store) readState() (*state, error) {
	b, err := readFile(s.fs, s.path(stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return &state{journal: 1, rootHash: (&tree.Tree{}).Root(), trees: map[TreeID]*Head{}}, nil
	}
	if err != nil {
		return nil, err
	}
	st, err := decodeState(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, s.path(stateFile), err)
	}
	st.found = true
	return st, nil
}

func (s *Store) writeState(st *state) error { return s.replaceFile(stateFile, st.encode()) }

// checkpointFile has the newest checkpoint of the root log that may have been shown.
const checkpointFile = "checkpoint"

// KeepCheckpoint makes a signed checkpoint of the root log durable.
func (s *Store) KeepCheckpoint(signed []byte) error {
	if err := s.replaceFile(checkpointFile, signed); err != nil {
		return s.fail(err)
	}
	return nil
}

// KeptCheckpoint returns the checkpoint that was kept last, nil if none was.
func (s *Store) KeptCheckpoint() ([]byte, error) {
	b, err := readFile(s.fs, s.path(checkpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// replaceFile gives a file of the store's folder another content in one step.
func (s *Store) replaceFile(name string, content []byte) error {
	next := s.path(name + ".next")
	if err := writeFile(s.fs, next, content); err != nil {
		return err
	}
	if err := s.fs.Rename(next, s.path(name)); err != nil {
		return err
	}
	return s.fs.SyncDir(s.dir)
}

// readFile returns the whole of a file.
func readFile(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b, nil
}

// writeFile makes a file with the content, synced; its name is not.
func writeFile(fsys vfs.FS, name string, content []byte) error {
	return withFile(fsys, name, func(f vfs.File) error {
		if err := f.Truncate(0); err != nil {
			return err
		}
		if _, err := f.WriteAt(content, 0); err != nil {
			return err
		}
		return f.Sync()
	})
}

// withFile opens a file for writing, made if there is none, for the time of a call.
func withFile(fsys vfs.FS, name string, use func(vfs.File) error) error {
	f, err := fsys.Open(name, vfs.Write|vfs.Create)
	if err != nil {
		return err
	}
	return errors.Join(use(f), f.Close())
}
