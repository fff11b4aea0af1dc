package checkpoints

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

// Errors of a [Log].
var (
	// ErrCorrupt says that files are not as they were written.
	ErrCorrupt = errors.New("kept checkpoints are damaged")
	// ErrNotKept says that there is no such checkpoint.
	ErrNotKept = errors.New("no such checkpoint was kept")
	// ErrTooLate says that a checkpoint cannot be kept, because a larger one was:
	// files of checkpoints grow at their ends only.
	ErrTooLate = errors.New("a larger checkpoint was kept already")
	// ErrFork says that another checkpoint of the same size was kept.
	ErrFork = errors.New("a checkpoint of the same size with another root hash was kept")
)

// Names of files in the folder of a log.
const (
	keptFile     = "kept"
	cosignedFile = "cosigned-" // and the first 16 digits of the SHA-256 of the witness's key
	nextSuffix   = ".next"
)

// Config says where a log of checkpoints is, and whose they are.
type Config struct {
	FS     vfs.FS
	Dir    string
	Origin string
	// Keys are the log's own. All of them sign each checkpoint, in this order.
	Keys []*proof.Verifier
}

// A Log has checkpoints that were kept. All methods may be called by any
// goroutine.
type Log struct {
	cfg  Config
	kept *slots

	mu struct {
		sync.Mutex
		cosigned []*slots // of one witness each
	}
	joining sync.Mutex // held while a file is made for a new witness
}

// Kept is a checkpoint with its signatures.
type Kept struct {
	proof.Checkpoint
	// Signed is a note signed by the log's keys; Note is signed by each witness
	// that cosigned, too.
	Signed, Note []byte
	// Cosigned are the keys of those witnesses.
	Cosigned []*proof.Verifier
}

// Open opens the log of checkpoints in a folder, and makes it if there is none.
func Open(cfg Config) (*Log, error) {
	l := &Log{cfg: cfg}
	if err := l.open(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Log) open() error {
	err := l.cfg.FS.MkdirAll(l.cfg.Dir)
	if err == nil {
		err = l.cfg.FS.SyncDir(filepath.Dir(l.cfg.Dir))
	}
	if err != nil {
		return err
	}
	name := l.path(keptFile)
	if _, err := l.cfg.FS.Stat(name); errors.Is(err, fs.ErrNotExist) {
		if err := create(l.cfg.FS, name, header{l.cfg.Origin, l.cfg.Keys}); err != nil {
			return err
		}
	}
	if l.kept, err = l.openFile(keptFile); err != nil {
		return err
	}
	if !slices.EqualFunc(l.kept.keys, l.cfg.Keys, sameKey) {
		return fmt.Errorf("%s: it was signed with other keys than this log has", name)
	}
	return l.openCosigned()
}

func sameKey(a, b *proof.Verifier) bool { return a.String() == b.String() }

func (l *Log) path(name string) string { return l.cfg.Dir + "/" + name }

func (l *Log) openFile(name string) (*slots, error) {
	s, err := open(l.cfg.FS, l.path(name))
	if err != nil {
		return nil, err
	}
	if s.origin != l.cfg.Origin {
		return nil, errors.Join(fmt.Errorf("%s: it is of the log %s, not of %s", l.path(name), s.origin, l.cfg.Origin), s.file.Close())
	}
	return s, nil
}

func (l *Log) openCosigned() error {
	files, err := l.cfg.FS.ReadDir(l.cfg.Dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), cosignedFile) || strings.HasSuffix(f.Name(), nextSuffix) || strings.Contains(f.Name(), damagedSuffix) {
			continue
		}
		s, err := l.openFile(f.Name())
		if err != nil {
			return err
		}
		l.mu.cosigned = append(l.mu.cosigned, s)
	}
	return nil
}

// Close closes the files.
func (l *Log) Close() error {
	var errs []error
	for _, s := range append(l.witnesses(), l.kept) {
		if s != nil {
			errs = append(errs, s.file.Close())
		}
	}
	return errors.Join(errs...)
}

func (l *Log) witnesses() []*slots {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.mu.cosigned)
}

// Keep makes a checkpoint that the log's keys have signed durable before it
// returns. One that is kept already is left as it is. It returns ErrTooLate, or
// ErrFork if another history was kept: nobody may see the checkpoint then.
func (l *Log) Keep(signed []byte) error {
	e, err := l.read(signed)
	if err != nil {
		return err
	}
	l.kept.writing.Lock()
	defer l.kept.writing.Unlock()
	_, last := l.kept.end()
	if e.size > last.size {
		return l.kept.add(e)
	}
	before, err := l.find(e.size)
	switch {
	case errors.Is(err, ErrNotKept):
		return fmt.Errorf("%w: of size %d, and this one is of size %d", ErrTooLate, last.size, e.size)
	case err == nil && before.root != e.root:
		return fmt.Errorf("%w: size %d", ErrFork, e.size)
	}
	return err
}

// read takes a signed note apart. The order of signatures is that of the keys,
// so that the note can be put together again.
func (l *Log) read(signed []byte) (entry, error) {
	n, err := note.Open(signed, note.VerifierList(verifiers(l.cfg.Keys)...))
	if err != nil {
		return entry{}, err
	}
	c, err := proof.ParseCheckpoint(n.Text)
	if err != nil {
		return entry{}, err
	}
	e := entry{size: c.Size, root: c.Root}
	for _, k := range l.cfg.Keys {
		sig, err := signatureOf(n, k)
		if err != nil {
			return entry{}, err
		}
		e.signatures = append(e.signatures, sig)
	}
	return e, nil
}

// find returns what was kept of a size.
func (l *Log) find(size int64) (entry, error) {
	i, err := l.kept.search(size)
	if err != nil {
		return entry{}, err
	}
	if count, _ := l.kept.end(); i < count {
		if e, err := l.kept.at(i); err != nil || e.size == size {
			return e, err
		}
	}
	return entry{}, fmt.Errorf("%w: size %d", ErrNotKept, size)
}

// Cosign adds the cosignature of a witness, as [proof.Signer.Sign] returns it,
// to a checkpoint that was kept, durably. A witness that has cosigned the
// checkpoint already, or a larger one, adds nothing.
func (l *Log) Cosign(c proof.Checkpoint, witness *proof.Verifier, sig []byte) error {
	if len(sig) != signatureSize(witness.Algorithm()) || !witness.Verify([]byte(c.String()), sig) {
		return fmt.Errorf("the cosignature of %s for size %d is wrong", witness.Name(), c.Size)
	}
	kept, err := l.find(c.Size)
	if err != nil {
		return err
	}
	if kept.root != c.Root || c.Origin != l.cfg.Origin {
		return fmt.Errorf("%w: %s has cosigned size %d of %s", ErrFork, witness.Name(), c.Size, c.Origin)
	}
	s, err := l.witness(witness)
	if err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if _, last := s.end(); last.size >= c.Size {
		return nil
	}
	return s.add(entry{c.Size, c.Root, [][]byte{sig}})
}

// CosignedSize is the largest size that a witness has cosigned, -1 if there is none.
func (l *Log) CosignedSize(witness *proof.Verifier) int64 {
	for _, s := range l.witnesses() {
		if sameKey(s.keys[0], witness) {
			_, last := s.end()
			return last.size
		}
	}
	return -1
}

// witness returns the file of a witness, made if there is none.
func (l *Log) witness(key *proof.Verifier) (*slots, error) {
	l.joining.Lock()
	defer l.joining.Unlock()
	for _, s := range l.witnesses() {
		if sameKey(s.keys[0], key) {
			return s, nil
		}
	}
	name := cosignedFile + fmt.Sprintf("%x", sha256.Sum256([]byte(key.String())))[:16]
	if err := create(l.cfg.FS, l.path(name), header{l.cfg.Origin, []*proof.Verifier{key}}); err != nil {
		return nil, err
	}
	s, err := l.openFile(name)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.cosigned = append(l.mu.cosigned, s)
	return s, nil
}
